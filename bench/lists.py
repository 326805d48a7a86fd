"""Cost of a long list: a page of 100 out of 50,000 users, and the delay of other requests.

While pages are requested one after the other, another client continuously requests the version of the hub.
Its longest wait, minus the longest wait without pages, is how long the event loop was blocked.
"""

from __future__ import annotations

import http.client
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bench import hubs
from bench.hubs import Hub
from bench.rows import Measurement, Options, Part, Row, Value
from plughub.domain.clock import utcnow
from plughub.domain.oauth import OAuthClient
from plughub.domain.roles import DEFAULT_ROLES
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Transaction

PAGES = {
    "ordered": ("in order", "limit=100&offset={offset}"),
    "by-name": ("by name, downwards", "limit=100&offset={offset}&sort=-name"),
    "by-activity": ("by activity", "limit=100&offset={offset}&sort=last_activity"),
    "part-of-name": ("those with user-49 in the name", "limit=100&name_filter=user-49"),
    "all-servers": ("with all their servers", "limit=100&offset={offset}&include_stopped_servers=1"),
    "running": ("whose servers run", "limit=100&state=ready"),
}
"""Title and query of each kind of page."""
REQUESTS = 200
RUNNING_EVERY = 50
"""One of this many users has a running server, according to the database."""


def fill(url: str, users: int) -> None:
    """Store users, some of them with a running server."""
    prepare_schema(url)
    database = Database(url)

    def work(tx: Transaction) -> None:
        tx.roles.ensure(DEFAULT_ROLES)
        tx.oauth.save_client(OAuthClient(identifier="bench", secret="", redirect_uri=""))
        keys = tx.user_list.create([f"user-{number:05}" for number in range(users)])
        for key in keys[::RUNNING_EVERY]:
            (server,) = tx.servers.of_user(key)
            tx.servers.record_launch(
                server.id, backend="other", host="elsewhere", launch="x", client_id="bench"
            )
            tx.servers.mark_ready(server.id, utcnow())

    database.run(lambda connection: work(Transaction(connection)))
    database.close()


@contextmanager
def filled(options: Options, config: str = "") -> Iterator[Hub]:
    """Run a hub on a database with many users."""
    with tempfile.TemporaryDirectory() as folder:
        url = options.db or f"sqlite:///{Path(folder, 'lists.sqlite')}"
        fill(url, options.users)
        with hubs.plughub(f"c.JupyterHub.db_url = {url!r}\n{config}", users=0) as hub:
            yield hub


@contextmanager
def asking(hub: Hub) -> Iterator[list[float]]:
    """Request the version of the hub continuously; yields the milliseconds that each answer took."""
    waits: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
        while not ended.is_set():
            begin = time.perf_counter()
            hub.call("GET", "/", None, connection)
            waits.append((time.perf_counter() - begin) * 1000)
            time.sleep(0.001)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()


def waits_at_rest(hub: Hub) -> Sequence[Value]:
    """Measure the waits of other requests while no pages are requested."""
    with asking(hub) as waits:
        time.sleep(2)
    return max(waits), percentile(waits, 99)


def page(hub: Hub, query: str, users: int) -> Sequence[Value]:
    """Measure one kind of page."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    took: list[float] = []

    def one() -> None:
        path = f"/users?{query.format(offset=random.randrange(users - 100))}"
        begin = time.perf_counter()
        hub.call("GET", path, None, connection)
        took.append((time.perf_counter() - begin) * 1000)

    def all_pages() -> None:
        for _ in range(REQUESTS):
            one()

    for _ in range(5):
        one()
    del took[:]
    cpu = hub.cost(all_pages) / REQUESTS
    alone = list(took)
    with asking(hub) as waits:
        all_pages()
    connection.close()
    return cpu, statistics.median(alone), percentile(alone, 95), max(waits), percentile(waits, 99)


def percentile(values: Sequence[float], share: int) -> float:
    """Return the value below which this share of the values lies, in percent."""
    return sorted(values)[int(len(values) * share / 100)]


def subjects(options: Options) -> Mapping[str, AbstractContextManager[Hub]]:
    """Return plughub alone: JupyterHub needs minutes to store the users."""
    return {"plughub": filled(options)}


def measurements(options: Options) -> Sequence[Measurement]:
    """Return the measurements of long lists."""
    resting = (
        Row("list-rest-wait", "no pages requested: longest wait of other requests", "ms"),
        Row("list-rest-waits", "no pages requested: 99 % of these waits", "ms"),
    )
    return [
        Measurement(resting, waits_at_rest),
        *(
            Measurement(_rows(name, title), partial(page, query=query, users=options.users))
            for name, (title, query) in PAGES.items()
        ),
    ]


def _rows(name: str, title: str) -> tuple[Row, ...]:
    return (
        Row(f"list-{name}", f"users {title}", "ms of CPU"),
        Row(f"list-{name}-median", f"users {title}: median", "ms"),
        Row(f"list-{name}-p95", f"users {title}: 95 %", "ms"),
        Row(f"list-{name}-wait", f"users {title}: longest wait of other requests", "ms"),
        Row(f"list-{name}-waits", f"users {title}: 99 % of these waits", "ms"),
    )


PART = Part("lists", subjects, measurements, by_default=False)
