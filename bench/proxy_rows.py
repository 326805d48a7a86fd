"""Throughput of proxies, idle websockets and changes of routes."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from functools import partial

from bench.load import MESSAGE, Client, get, raise_file_limit
from bench.processes import cpu_ms, cpu_of, rss_mb
from bench.proxies import HUB_PATH, PATH, ProxySubject, subjects
from bench.rows import Measurement, Options, Part, Row, Value

SECONDS = 3
WARM_UP = 5000
"""Requests before the measurement: Node compiles what runs often."""
ROUTES = 5000
CHANGES = 30
AT_ONCE = 50
REST_SECONDS = 5


def requests(subject: ProxySubject, connections: int, path: str) -> Sequence[Value]:
    """Send requests on kept connections and return the rates by the clock and by the proxy's CPU."""
    with Client(subject.port, connections) as client:
        return _rates(subject, client, get(f"{path}x"))


def messages(subject: ProxySubject) -> Sequence[Value]:
    """Send messages of 100 bytes in websockets whose server echoes them."""
    with Client(subject.port, 32, f"{PATH}ws") as client:
        return _rates(subject, client, MESSAGE)


def idle_websockets(subject: ProxySubject, count: int) -> Sequence[Value]:
    """Open websockets and return memory and CPU of the proxy while nothing is sent."""
    memory = rss_mb(subject.pids)
    count = fitting(count)
    with Client(subject.port, count, f"{PATH}ws"):
        time.sleep(REST_SECONDS)
        before = cpu_ms(subject.pids)
        time.sleep(REST_SECONDS)
        cpu = (cpu_ms(subject.pids) - before) / REST_SECONDS
        return count, (rss_mb(subject.pids) - memory) * 1000 / count, cpu


def fitting(count: int) -> int:
    """Return how many connections the limit of open files allows the proxy, which needs two for each."""
    return min(count, (raise_file_limit() - 500) // 2)


def route_changes(subject: ProxySubject) -> Sequence[Value]:
    """Add and delete a route beside many others, and return the median duration of one change."""
    return [subject.run(_route_changes(subject))]


async def _route_changes(subject: ProxySubject) -> float:
    proxy, took = subject.proxy, list[float]()
    limit = asyncio.Semaphore(AT_ONCE)

    async def change(number: int, *, add: bool) -> None:
        async with limit:
            path = f"/user/many-{number}/"
            await (proxy.add(path, subject.target) if add else proxy.delete(path))

    await asyncio.gather(*(change(number, add=True) for number in range(ROUTES)))
    for number in range(CHANGES):
        begin = time.perf_counter()
        await proxy.add(f"/user/new-{number}/", subject.target)
        await proxy.delete(f"/user/new-{number}/")
        took.append((time.perf_counter() - begin) * 1000 / 2)
    await asyncio.gather(*(change(number, add=False) for number in range(ROUTES)))
    return statistics.median(took)


def measurements(options: Options) -> Sequence[Measurement]:
    """Return the measurements of proxies."""
    idle = f"{options.websockets} idle websockets"
    return [
        *(
            _requests(count, to, path)
            for to, path in (("server", PATH), ("hub", HUB_PATH))
            for count in (32, 128)
        ),
        Measurement(_rate_rows("messages", "websocket messages, 32 websockets"), messages),
        Measurement(
            (
                Row("websockets", f"{idle}: opened", "websockets", more_is_better=True),
                Row("websockets-memory", f"{idle}: memory of each", "kB"),
                Row("websockets-cpu", f"{idle}: CPU of all", "ms of CPU per second"),
            ),
            partial(idle_websockets, count=options.websockets),
            once=True,
        ),
        Measurement((Row("routes", "a change of a route, beside 5,000", "ms"),), route_changes, once=True),
    ]  # fmt: skip


def _requests(count: int, to: str, path: str) -> Measurement:
    rows = _rate_rows(f"{to}-requests-{count}", f"requests to a {to}, {count} connections")
    return Measurement(rows, partial(requests, connections=count, path=path))


def _rate_rows(name: str, title: str) -> tuple[Row, Row]:
    return (
        Row(name, title, "per second", more_is_better=True),
        Row(f"{name}-cpu", title, "per second of CPU", more_is_better=True),
    )


def _rates(subject: ProxySubject, client: Client, data: bytes) -> tuple[float, float]:
    client.send(data, count=WARM_UP)
    sent = 0.0

    def work() -> None:
        nonlocal sent
        sent, _ = client.send(data, seconds=SECONDS)

    cpu, seconds = cpu_of(subject.pids, work)
    return sent / seconds, sent / cpu * 1000


PART = Part("proxy", subjects, measurements)
