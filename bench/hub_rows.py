"""Costs of a hub's requests, servers and rest."""

from __future__ import annotations

import http.client
import time
from collections.abc import Sequence
from functools import partial

from bench.hubs import ADMIN, BATCH, Hub, subjects, user
from bench.processes import rss_mb
from bench.rows import Measurement, Options, Part, Row, Value

REST_SECONDS = 5
SETTLING_SECONDS = 3
"""Seconds after which a hub has finished what follows its start or many changes."""
STARTS = 10
CPU = "ms of CPU"


def at_rest(hub: Hub) -> Sequence[Value]:
    """Measure the CPU of an idle hub, which is subtracted from the costs of its work."""
    time.sleep(SETTLING_SECONDS)
    hub.idle = _idle(hub)
    return [hub.idle]


def create_in_batches(hub: Hub) -> Sequence[Value]:
    """Create users, 100 with each request."""
    batches = [hub.new_names(BATCH) for _ in range(3)]
    connection = _connection(hub)

    def work() -> None:
        for names in batches:
            hub.call("POST", "/users", {"usernames": names}, connection)

    cost = hub.cost(work)
    connection.close()
    return [cost / (BATCH * len(batches))]


def create_singly(hub: Hub) -> Sequence[Value]:
    """Create users, each with a request of its own."""
    names, connection = hub.new_names(50), _connection(hub)

    def work() -> None:
        for name in names:
            hub.call("POST", f"/users/{name}", {}, connection)

    cost = hub.cost(work)
    connection.close()
    return [cost / len(names)]


def start_and_stop(hub: Hub) -> Sequence[Value]:
    """Start servers one after the other, then stop them; each request waits for the end of its operation."""
    names = [user(number) for number in range(STARTS + 1)]
    hub.for_each("POST", names[:1])

    def each(method: str) -> None:
        for name in names[1:]:
            hub.for_each(method, [name])

    costs = [hub.cost(partial(each, method)) / STARTS for method in ("POST", "DELETE")]
    hub.for_each("DELETE", names[:1])
    return costs


def crowd(hub: Hub, servers: int) -> Sequence[Value]:
    """Start many servers, 50 at once, let the hub rest, restart it, and stop the servers."""
    names = [user(number) for number in range(servers)]
    begin = time.monotonic()
    hub.for_each("POST", names)
    rate = servers / (time.monotonic() - begin)
    time.sleep(SETTLING_SECONDS)
    idle = _idle(hub)
    hub.process.stop()
    begin = time.monotonic()
    hub.start()
    seconds = time.monotonic() - begin
    hub.for_each("DELETE", names)
    return rate, idle, seconds


def measurements(options: Options) -> Sequence[Measurement]:
    """Return the measurements of hubs."""
    servers = options.servers
    return [
        Measurement((Row("rest", "at rest, without servers", "ms of CPU per second"),), at_rest),
        Measurement(
            (Row("memory", "memory with 1,000 users", "MB"),), lambda hub: [rss_mb(hub.pids)], once=True
        ),
        Measurement((Row("create-batch", "create a user, in batches of 100", CPU),), create_in_batches),
        Measurement((Row("create", "create a user, singly", CPU),), create_singly),
        Measurement((Row("version", "a request without queries", CPU),), lambda hub: [hub.get("/", 500, 1)]),
        Measurement(
            (Row("token", "token check, 16 in flight", CPU),), lambda hub: [hub.get("/user", 1000, 16)]
        ),
        Measurement((Row("user", "one user", CPU),), lambda hub: [hub.get(f"/users/{ADMIN}", 300, 1)]),
        Measurement(
            (Row("user-page", "page of 100 users", CPU),), lambda hub: [hub.get("/users?limit=100", 50, 1)]
        ),
        Measurement(
            (Row("start", "start of a server", CPU), Row("stop", "stop of a server", CPU)),
            start_and_stop,
        ),
        Measurement(
            (
                Row("starts", f"{servers} starts, 50 at once", "per second", more_is_better=True),
                Row("rest-servers", f"at rest, with {servers} servers", "ms of CPU per second"),
                Row("restart", f"restart with {servers} running servers", "s"),
            ),
            lambda hub: crowd(hub, servers),
        ),
    ]  # fmt: skip


PART = Part("hub", subjects, measurements)


def _idle(hub: Hub) -> float:
    before, begin = hub.used(), time.monotonic()
    time.sleep(REST_SECONDS)
    return (hub.used() - before) / (time.monotonic() - begin)


def _connection(hub: Hub) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", hub.port, timeout=300)
