"""Cost of a long list: a page of 100 out of 50,000 users, and the delay of other requests.

    .venv/bin/python bench/lists.py [--users 50000] [--requests 200] [--db postgresql://…]

A hub runs in a process of its own, on a prepared database. While pages are requested one after the other,
another client continuously requests the version of the hub. Its longest wait, minus the longest wait without
pages, is how long the event loop was blocked.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from compare import PLUGHUB, Running, running

from plughub.domain.clock import utcnow
from plughub.domain.oauth import OAuthClient
from plughub.domain.roles import DEFAULT_ROLES
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Transaction

PAGES = {
    "in order": "limit=100&offset={offset}",
    "by name, downwards": "limit=100&offset={offset}&sort=-name",
    "by activity": "limit=100&offset={offset}&sort=last_activity",
    "those with user-49 in the name": "limit=100&name_filter=user-49",
    "with all their servers": "limit=100&offset={offset}&include_stopped_servers=1",
    "whose servers run": "limit=100&state=ready",
}
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
def asking(hub: Running) -> Iterator[list[float]]:
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


def measure(hub: Running, query: str, requests: int, users: int) -> dict[str, float]:
    """Measure one kind of page."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
    took: list[float] = []

    def page() -> None:
        path = f"/users?{query.format(offset=random.randrange(users - 100))}"
        begin = time.perf_counter()
        assert hub.call("GET", path, None, connection) == 200, path
        took.append((time.perf_counter() - begin) * 1000)

    for _ in range(5):
        page()
    del took[:]
    before = hub.process.cpu_times()
    for _ in range(requests):
        page()
    after = hub.process.cpu_times()
    cpu = (after.user + after.system - before.user - before.system) / requests * 1000
    quiet = sorted(took)
    with asking(hub) as waits:
        for _ in range(requests):
            page()
    connection.close()
    return {
        "CPU": cpu,
        "median": statistics.median(quiet),
        "p95": quiet[int(len(quiet) * 0.95)],
        "stall": max(waits),
        "stall p99": sorted(waits)[int(len(waits) * 0.99)],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--db", default="", help="an empty database; a SQLite file else")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.db or f"sqlite:///{Path(folder, 'lists.sqlite')}"
        fill(url, options.users)
        hub = [sys.executable, "-m", "plughub"]
        config = f"{PLUGHUB}c.JupyterHub.db_url = {url!r}\n"
        with running(hub, config, [*hub, "token"]) as ours:
            with asking(ours) as idle:
                time.sleep(2)
            columns = ("CPU", "median", "p95", "stall", "stall p99")
            print(f"{'milliseconds':34}" + "".join(f"{name:>11}" for name in columns))
            print(f"{'idle':34}" + " " * 33 + f"{max(idle):11.2f}{sorted(idle)[int(len(idle) * 0.99)]:11.2f}")
            for name, query in PAGES.items():
                found = measure(ours, query, options.requests, options.users)
                print(f"{name:34}" + "".join(f"{found[column]:11.2f}" for column in columns), flush=True)
            print(f"memory: {psutil.Process(ours.process.pid).memory_info().rss / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
