"""Cost of the administration console for 50,000 users, while the hub answers other requests.

    .venv/bin/python bench/console.py [--users 50000] [--requests 60] [--db postgresql://…]

An administrator opens pages of 100 rows, one after the other, while clients of the API read users.
The kernel reports the CPU time of the thread with the event loop. Each step of the loop is measured as well:
the longest one is how long a page delays all other requests.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from compare import PLUGHUB, Running, running
from lists import fill
from loop_holds import Holds

PAGES = {
    "overview": "",
    "users by name": "/users?size=100",
    "users, the last page": "/users?size=100&page=500",
    "users by activity": "/users?size=100&sort=-last_activity",
    "users with user-49 in the name": "/users?size=100&q=user-49",
    "users with running servers": "/users?size=100&state=ready",
    "one user": "/users/user-00050",
    "active servers": "/servers?size=100",
    "all servers by user": "/servers?size=100&state=&sort=user&page=200",
    "sessions": "/sessions?size=100",
    "tokens": "/tokens?size=100",
    "audit trail": "/audit?size=100",
}
HERE = str(Path(__file__).parent)
ADMIN = "bench-admin"
CLIENTS = 2
SETTLING = 20


class Browser:
    """Browser of an administrator, on the hub's own port."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._cookies: dict[str, str] = {}

    def log_in(self) -> None:
        """Log in with the form."""
        self.get("/hub/login")
        form = {"username": ADMIN, "password": "x", "_xsrf": self._cookies["_xsrf"]}
        status, _ = self._ask("POST", "/hub/login", urlencode(form))
        assert status == http.client.FOUND, status

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a page."""
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "same-origin",
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or ():
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return answer.status, answer.read()


def loop_seconds(hub: Running) -> float:
    """Return the CPU time of the hub's main thread, which runs the event loop."""
    pid = hub.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def load(hub: Running, users: int) -> Iterator[list[int]]:
    """Read users through the API all the time; yields the number of answers."""
    answered = [0]
    ended = threading.Event()

    def ask(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
        number = first
        while not ended.is_set():
            number = (number + 7919) % users
            hub.call("GET", f"/users/user-{number:05}", None, connection)
            answered[0] += 1
            time.sleep(0.005)
        connection.close()

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def measure(
    hub: Running, browser: Browser, holds: Holds, path: str, requests: int, users: int
) -> list[float]:
    """Return the number of rows, the milliseconds of a page, and kilobytes.

    The milliseconds are: CPU time on the event loop; median and maximum of the longest step, by CPU time and
    by the clock; median and 95th percentile of the browser's time.
    """
    address = f"/hub/admin{path}"
    for _ in range(3):
        status, body = browser.get(address)
        assert status == http.client.OK, (address, status)
    before, longest = loop_seconds(hub), []
    for _ in range(requests):
        holds.take()
        browser.get(address)
        longest.append(holds.take())
    on_loop = (loop_seconds(hub) - before) / requests * 1000
    by_clock, by_cpu = zip(*longest, strict=True)
    took = []
    with load(hub, users):
        for _ in range(requests):
            begin = time.perf_counter()
            browser.get(address)
            took.append((time.perf_counter() - begin) * 1000)
    took.sort()
    rows = len(re.findall(rb"<tr id=", body))
    return [
        rows,
        on_loop,
        *(value for held in (by_cpu, by_clock) for value in (statistics.median(held), max(held))),
        statistics.median(took),
        took[int(len(took) * 0.95)],
        len(body) / 1000,
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--db", default="", help="an empty database; a SQLite file else")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.db or f"sqlite:///{Path(folder, 'console.sqlite')}"
        fill(url, options.users)
        hub = [sys.executable, "-m", "plughub"]
        shared = str(Path(folder, "holds"))
        watch = f"import sys; sys.path.append({HERE!r}); import loop_holds; loop_holds.watch({shared!r})\n"
        config = f"{watch}{PLUGHUB}c.JupyterHub.db_url = {url!r}\nc.Authenticator.admin_users = [{ADMIN!r}]\n"
        with running(hub, config, [*hub, "token"]) as ours:
            browser = Browser(ours.port)
            browser.log_in()
            time.sleep(SETTLING)  # a new hub checks all users
            holds = Holds(shared)
            columns = ("rows", "on loop", "cpu step", "max", "step", "max", "median", "p95", "kB")
            print(f"{'milliseconds':34}" + "".join(f"{name:>9}" for name in columns))
            for name, path in PAGES.items():
                found = measure(ours, browser, holds, path, options.requests, options.users)
                print(f"{name:34}" + "".join(f"{value:9.1f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
