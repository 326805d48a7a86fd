"""Two hub processes behind one HAProxy are restarted in turn under load: no request fails."""

import http.client
import http.cookies
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlencode

import pytest

from plughub.testing.client import ApiClient, client_of, until_all_serve
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(240)]
CONFIG = """
c.Authenticator.allow_all = True
c.JupyterHub.db_url = {database!r}
c.JupyterHub.lease_seconds = 10
c.JupyterHub.extra_user_scopes = {{"read:hub"}}
c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.tiny_server"]
c.Spawner.hub_connect_url = "http://127.0.0.1:{port}"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""


class Load:
    """Users who repeat their actions until they are stopped; failures are recorded."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.done: dict[str, int] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def keep_doing(self, name: str, action: Callable[[], None]) -> None:
        def work() -> None:
            while not self._stop.is_set():
                try:
                    action()
                except Exception:  # noqa: BLE001 - whatever it is, a request failed
                    self.failures.append(f"{time.strftime('%T')} {name}: {traceback.format_exc(limit=-2)}")
                self.done[name] = self.done.get(name, 0) + 1

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Browser:
    """A user's browser with cookies, which opens a connection for each request or keeps one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        headers |= {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, urlencode(form) if form is not None else None, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or ():
                for name, morsel in http.cookies.SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            return answer.status, answer.headers.get("Location", ""), answer.read().decode()


def log_in(port: int, name: str) -> None:
    browser = Browser(port)
    status, _, page = browser.ask("GET", "/hub/login")
    assert status == 200, (status, page)
    found = re.search(r'name="_xsrf" value="([^"]+)"', page)
    assert found, page
    form = {"username": name, "password": "x", "_xsrf": found[1]}
    status, where, page = browser.ask("POST", "/hub/login", form)
    assert (status, "login" in where) == (302, False), (status, where, page)
    status, _, page = browser.ask("GET", "/hub/home")
    assert (status, name in page) == (200, True), (status, page)


def start_open_and_stop(call: ApiClient, port: int, name: str) -> None:
    begun = call("POST", f"/users/{name}/server", {})
    assert begun.status in {201, 202}, begun
    wait_for(lambda: user_of(call, name)["servers"].get("", {}).get("ready"), 40)
    status, _, page = Browser(port).ask("GET", f"/user/{name}/")
    assert status == 200, (status, page)
    ended = call("DELETE", f"/users/{name}/server")
    assert ended.status in {202, 204}, ended
    wait_for(lambda: not user_of(call, name)["servers"], 40)


def user_of(call: ApiClient, name: str) -> dict:
    answer = call("GET", f"/users/{name}")
    assert answer.status == 200, answer
    return answer.body


def ask_api(call: ApiClient, name: str) -> None:
    answer = call("GET", "/user")
    assert (answer.status, answer.body["name"]) == (200, name), answer


@pytest.fixture
def two_hubs(postgresql, tmp_path) -> Iterator[tuple[HubProcess, HubProcess]]:
    first = HubProcess(tmp_path, "--plugins", "dummy,simple")
    config = CONFIG.format(
        database=postgresql.new_database(), python=sys.executable, folder=tmp_path, port=first.port
    )
    (tmp_path / "jupyterhub_config.py").write_text(config)
    second = HubProcess(
        tmp_path, "--plugins", "dummy,simple", f"--JupyterHub.port={first.port}", name="second"
    )
    try:
        yield first.start(), second.start()
    finally:
        first.end_everything()
        second.end_everything()


def test_no_request_fails_while_each_hub_is_restarted_in_turn(two_hubs):
    port = two_hubs[0].port
    people = {name: client_of(two_hubs[0], name) for name in ("ada", "bob")}
    until_all_serve(two_hubs, people["bob"])
    load = Load()
    load.keep_doing("log in", lambda: log_in(port, "cyd"))
    load.keep_doing("start, open, stop", lambda: start_open_and_stop(people["ada"], port, "ada"))
    load.keep_doing("API", lambda: ask_api(people["bob"], "bob"))
    try:
        for hub in two_hubs:
            before = dict(load.done)
            assert hub.stop() == 0
            hub.start()
            until_all_serve(two_hubs, people["bob"])
            until_more(load, before)
    finally:
        load.stop()
    assert not load.failures, "\n".join(load.failures) + two_hubs[0].output + two_hubs[1].output
    assert min(load.done.values()) >= 2, load.done


def until_more(load: Load, before: dict[str, int]) -> None:
    actions = ("log in", "start, open, stop", "API")
    wait_for(lambda: all(load.done.get(name, 0) > before.get(name, 0) for name in actions))
