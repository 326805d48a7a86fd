"""Cost of requests compared with JupyterHub: CPU time of the hub's own process for each kind.

    .venv/bin/python bench/compare.py [--jupyterhub PATH/TO/bin/jupyterhub] [--requests 500]

Both hubs run on this machine one after the other, with a local spawner, one password for all users and
a tiny server instead of JupyterLab. Compare the ratios of one run, not the times of two machines.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from plughub.testing.ports import free_port

TOKEN = "bench-token-0123456789abcdef"
SERVER = [sys.executable, "-m", "plughub.testing.tiny_server"]
COMMON = f"""
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"admin"}}
c.Spawner.cmd = {SERVER!r}
c.SimpleLocalProcessSpawner.home_dir_template = "HOMES/{{username}}"
"""
PLUGHUB = COMMON + 'c.JupyterHub.plugins = ["dummy", "simple", "haproxy"]\n'
JUPYTERHUB = COMMON + (
    'c.JupyterHub.authenticator_class = "dummy"\n'
    'c.JupyterHub.spawner_class = "simple"\n'
    f'c.JupyterHub.services = [{{"name": "bench", "api_token": "{TOKEN}", "admin": True}}]\n'
)


@dataclass(frozen=True)
class Running:
    """Running hub: its process, its own port and a token of an admin."""

    process: psutil.Process
    port: int
    token: str
    idle: float = 0
    """Milliseconds of CPU that an idle hub spends in one second."""

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        connection: http.client.HTTPConnection | None = None,
    ) -> int:
        """Call the API on the hub's own port, without the proxy."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        own.request(method, f"/hub/api{path}", json.dumps(body) if body is not None else None, headers)
        answer = own.getresponse()
        answer.read()
        if connection is None:
            own.close()
        return answer.status

    def cpu(self, work: Callable[[int], object], times: int) -> float:
        """Return the milliseconds of CPU that one round of work costs the hub's process.

        What the hub does all the time does not count: a round that waits is not dearer for that.
        """
        work(0)
        clock, begin = time.monotonic(), self.spent()
        for number in range(1, times + 1):
            work(number)
        seconds, spent = time.monotonic() - clock, self.spent() - begin
        return (spent - seconds * self.idle) / times

    def spent(self) -> float:
        """Return the milliseconds of CPU spent so far."""
        times = self.process.cpu_times()
        return (times.user + times.system) * 1000

    def at_rest(self, seconds: float = 10) -> float:
        """Return the milliseconds of CPU that an idle hub spends in one second."""
        begin = self.spent()
        time.sleep(seconds)
        return (self.spent() - begin) / seconds


def measure(hub: Running, requests: int) -> dict[str, float]:
    """Measure one hub."""
    hub = replace(hub, idle=hub.at_rest())
    kept = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    starts = max(10, requests // 25)
    found = {
        "tornado and a page without queries": hub.cpu(lambda _: hub.call("GET", "/", None, kept), requests),
        "token check": hub.cpu(lambda _: hub.call("GET", "/user", None, kept), requests),
        "one user": hub.cpu(lambda _: hub.call("GET", "/users/admin", None, kept), requests),
    }
    if hub.call("POST", "/users", {"usernames": ["u0"]}) in {201, 409}:
        found["create a user"] = hub.cpu(lambda n: hub.call("POST", f"/users/c{n}", {}, kept), requests // 5)
        found["page of 100 users"] = hub.cpu(
            lambda _: hub.call("GET", "/users?limit=100", None, kept), requests // 5
        )

    def start_and_stop(_: int) -> None:
        hub.call("POST", "/users/admin/server", {}, kept)
        wait(hub, lambda user: user["servers"].get("", {}).get("ready"))
        hub.call("DELETE", "/users/admin/server", None, kept)
        wait(hub, lambda user: not user["servers"])

    found["start and stop"] = hub.cpu(start_and_stop, starts)
    kept.close()
    found["a second at rest"] = hub.idle
    found["memory at rest, MB"] = hub.process.memory_info().rss / 1e6
    return found


def wait(hub: Running, holds: Callable[[dict], object]) -> None:
    """Wait until the admin's servers are as expected."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
        connection.request("GET", "/hub/api/users/admin", headers={"Authorization": f"token {hub.token}"})
        user = json.loads(connection.getresponse().read())
        connection.close()
        if holds(user):
            return
        time.sleep(0.1)


@contextmanager
def running(command: list[str], config: str, make_token: list[str] | None) -> Iterator[Running]:
    """Run a hub in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        ports = [free_port() for _ in range(3)]
        text = config.replace("HOMES", f"{folder}/homes")
        text += f"c.JupyterHub.port = {ports[0]}\nc.JupyterHub.hub_port = {ports[1]}\n"
        if make_token is None:
            text += f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{ports[2]}'\n"
        Path(folder, "jupyterhub_config.py").write_text(text)
        with Path(folder, "log").open("w") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_for(ports[1], process)
            token = TOKEN
            if make_token:
                token = subprocess.check_output([*make_token, "admin"], cwd=folder, text=True).strip()
            hub = Running(psutil.Process(process.pid), ports[1], token)
            hub.call("POST", "/users/admin", {})
            yield hub
        finally:
            process.terminate()
            process.wait(60)


def wait_for(port: int, process: subprocess.Popen) -> None:
    """Wait until a process listens on a port."""
    while process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(2)
                return
        time.sleep(0.1)
    sys.exit("the hub ended before it listened")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jupyterhub", help="the command jupyterhub, to compare with")
    parser.add_argument("--requests", type=int, default=500)
    options = parser.parse_args()
    hub = [sys.executable, "-m", "plughub"]
    with running(hub, PLUGHUB, [*hub, "token"]) as ours:
        columns = {"plughub": measure(ours, options.requests)}
    if options.jupyterhub:
        with running([options.jupyterhub], JUPYTERHUB, None) as theirs:
            columns["jupyterhub"] = measure(theirs, options.requests)
    print(f"{'ms of CPU':40}" + "".join(f"{name:>12}" for name in columns) + f"{'ratio':>8}")
    for row, value in columns["plughub"].items():
        other = columns.get("jupyterhub", {}).get(row)
        print(f"{row:40}{value:12.2f}" + (f"{other:12.2f}{value / other:8.2f}" if other else ""))


if __name__ == "__main__":
    main()
