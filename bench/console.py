"""Cost of the administration console for 50,000 users, while the hub answers other requests.

An administrator opens pages of 100 rows, one after the other, while clients of the API read users.
The kernel reports the CPU time of the thread with the event loop. Each step of the loop is measured as well:
the longest one is how long a page delays all other requests.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from bench.hubs import ADMIN, Hub
from bench.lists import filled, percentile
from bench.loop_holds import Holds
from bench.rows import Measurement, Options, Part, Row, Value

PAGES = {
    "overview": ("overview", ""),
    "by-name": ("users by name", "/users?size=100"),
    "last-page": ("users, the last page", "/users?size=100&page=500"),
    "by-activity": ("users by activity", "/users?size=100&sort=-last_activity"),
    "part-of-name": ("users with user-49 in the name", "/users?size=100&q=user-49"),
    "running": ("users with running servers", "/users?size=100&state=ready"),
    "user": ("one user", "/users/user-00050"),
    "active": ("active servers", "/servers?size=100"),
    "servers": ("all servers by user", "/servers?size=100&state=&sort=user&page=200"),
    "sessions": ("sessions", "/sessions?size=100"),
    "tokens": ("tokens", "/tokens?size=100"),
    "audit": ("audit trail", "/audit?size=100"),
}
"""Title and address of each page."""
ROOT = str(Path(__file__).parents[1])
CLIENTS = 2
SETTLING = 20
REQUESTS = 60


@dataclass(frozen=True)
class Console:
    """A hub with many users and the browser of its administrator."""

    hub: Hub
    browser: Browser
    holds: Holds


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


def loop_seconds(hub: Hub) -> float:
    """Return the CPU time of the hub's main thread, which runs the event loop."""
    (pid,) = hub.pids
    return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9


@contextmanager
def load(hub: Hub, users: int) -> Iterator[list[int]]:
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


def page(console: Console, path: str, users: int) -> Sequence[Value]:
    """Open a page many times, first alone and then beside clients of the API."""
    browser, address = console.browser, f"/hub/admin{path}"
    for _ in range(3):
        status, body = browser.get(address)
        assert status == http.client.OK, (address, status)
    before, longest = loop_seconds(console.hub), []
    for _ in range(REQUESTS):
        console.holds.take()
        browser.get(address)
        longest.append(console.holds.take()[1])
    on_loop = (loop_seconds(console.hub) - before) / REQUESTS * 1000
    took = []
    with load(console.hub, users):
        for _ in range(REQUESTS):
            begin = time.perf_counter()
            browser.get(address)
            took.append((time.perf_counter() - begin) * 1000)
    return (
        on_loop,
        statistics.median(longest),
        max(longest),
        statistics.median(took),
        percentile(took, 95),
        len(body) / 1000,
    )


@contextmanager
def console(options: Options) -> Iterator[Console]:
    """Run a hub with many users, log in, and wait until the hub has checked all users."""
    with tempfile.TemporaryDirectory() as folder:
        shared = str(Path(folder, "holds"))
        config = (
            f"import sys; sys.path.append({ROOT!r}); from bench.loop_holds import watch; watch({shared!r})\n"
        )
        with filled(options, config) as hub:
            browser = Browser(hub.port)
            browser.log_in()
            time.sleep(SETTLING)
            yield Console(hub, browser, Holds(shared))


def subjects(options: Options) -> Mapping[str, AbstractContextManager[Console]]:
    """Return plughub alone: JupyterHub has no such console."""
    return {"plughub": console(options)}


def measurements(options: Options) -> Sequence[Measurement]:
    """Return the measurements of the console."""
    return [
        Measurement(_rows(name, title), partial(page, path=path, users=options.users))
        for name, (title, path) in PAGES.items()
    ]


def _rows(name: str, title: str) -> tuple[Row, ...]:
    return (
        Row(f"console-{name}-loop", f"{title}: on the loop", "ms of CPU"),
        Row(f"console-{name}-step", f"{title}: longest step, median", "ms of CPU"),
        Row(f"console-{name}-steps", f"{title}: longest step of all", "ms of CPU"),
        Row(f"console-{name}-median", f"{title}: median", "ms"),
        Row(f"console-{name}-p95", f"{title}: 95 %", "ms"),
        Row(f"console-{name}-size", f"{title}: size", "kB"),
    )


PART = Part("console", subjects, measurements, by_default=False)
