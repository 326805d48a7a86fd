"""Metrics that reach a statsd server, which is a UDP socket here."""

import asyncio
import contextlib
import logging
import socket

import pytest

from plughub.app.config import JupyterHub
from plughub.app.observability import statsd_of
from plughub.domain.clock import utcnow
from plughub.domain.errors import PluginTimeoutError, StartError
from plughub.domain.events import Event, EventKind
from plughub.domain.hub_counts import HubCounts
from plughub.kinds import Diagnosis
from plughub.services.observability.metrics import Metrics
from plughub.services.observability.statsd import MAX_UNSENT, Statsd
from plughub.services.operations.start_failures import exit_failure, no_answer_failure, spawn_failure
from plughub.testing.conditions import until

STARTED = Event(kind=EventKind.SPAWN, at=utcnow(), user="ada", detail={"seconds": 1.5})
TOO_SLOW = spawn_failure(PluginTimeoutError("simple", "hub_spawn", "no answer within 60 s"))
NO_ANSWER = no_answer_failure("simple", "http://127.0.0.1:1", 30, Diagnosis(message=""))


@pytest.fixture
def server():
    """Return a socket that receives metrics."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        yield listener


@contextlib.asynccontextmanager
async def running(statsd: Statsd):
    task = asyncio.create_task(statsd.run())

    async def connected():
        return statsd._transport is not None

    await until(connected)
    yield Metrics(statsd=statsd)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def settings(server, **others) -> JupyterHub:
    host, port = server.getsockname()
    return JupyterHub(statsd_host=host, statsd_port=port, **others)


async def received(server, *names: str) -> list[str]:
    """Return as many metrics as there are names, without their durations."""
    lines = [(await asyncio.to_thread(server.recv, 1000)).decode() for _ in names]
    return sorted(line.partition(":")[0] if line.endswith("|ms") else line for line in lines)


def login(metrics):
    with metrics.time_login():
        pass


def refused_login(metrics):
    with contextlib.suppress(ZeroDivisionError), metrics.time_login():
        raise ZeroDivisionError


def logout(metrics):
    with metrics.time_logout():
        pass


def failed_start(failure):
    reason = failure.describe(details=True)
    event = Event(
        kind=EventKind.SPAWN_FAILED, at=utcnow(), user="ada", detail={"reason": reason, "status": 500}
    )
    return lambda metrics: metrics.hub_event(event)


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (login, ["login.authenticate.success", "login.success:1|c"]),
        (refused_login, ["login.authenticate.failure", "login.failure:1|c"]),
        (logout, ["logout:1|c"]),
        (Metrics.count_login_page, ["login.request:1|c"]),
        (Metrics.count_server_redirect, ["redirects.user_after_login:1|c"]),
        (Metrics.count_csp_report, ["csp_report:1|c"]),
        (lambda metrics: metrics.observe_hook("simple", "hub_stop", 2, "ok"), ["spawner.stop"]),
        (lambda metrics: metrics.hub_event(STARTED), ["spawner.success"]),
        (failed_start(TOO_SLOW), ["spawner.failure", "spawner.failure.timeout:1|c"]),
        (failed_start(NO_ANSWER), ["spawner.failure", "spawner.failure.http_timeout:1|c"]),
        (failed_start(exit_failure("simple", 1, 2)), ["spawner.failure", "spawner.failure.error:1|c"]),
    ],
)
async def test_jupyterhubs_metrics_are_sent(server, work, expected) -> None:
    async with running(statsd_of(settings(server))) as metrics:
        if (result := work(metrics)) is not None:
            await result
        assert await received(server, *expected) == [f"jupyterhub.{name}" for name in expected]


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ({"window": 2, "24h": 5}, ["hub.users.active:2|g", "hub.users.running:3|g"]),
        ({}, ["hub.users.running:3|g"]),
    ],
)
async def test_counts_are_gauges(server, active, expected) -> None:
    statsd = statsd_of(settings(server, statsd_prefix="hub"))
    async with running(statsd):
        statsd.record_counts(HubCounts(running_servers=3, active_users=active))
        assert await received(server, *expected) == expected


async def test_durations_are_milliseconds(server) -> None:
    async with running(statsd_of(settings(server))) as metrics:
        await metrics.hub_event(STARTED)
        assert server.recv(1000) == b"jupyterhub.spawner.success:1500.000000|ms"


@pytest.mark.parametrize(("prefix", "name"), [("lab.hub", "lab.hub.csp_report"), ("", "csp_report")])
async def test_the_prefix_is_the_first_part_of_each_name(server, prefix, name) -> None:
    async with running(statsd_of(settings(server, statsd_prefix=prefix))) as metrics:
        metrics.count_csp_report()
        assert server.recv(1000).decode() == f"{name}:1|c"


def test_without_a_host_nothing_is_sent() -> None:
    assert statsd_of(JupyterHub()) is None


def test_a_prefix_that_would_break_metrics_is_refused() -> None:
    with pytest.raises(StartError, match="statsd_prefix = 'a:b' contains ':'"):
        statsd_of(JupyterHub(statsd_prefix="a:b"))


async def test_a_server_that_is_down_is_no_error_and_gets_later_metrics(server) -> None:
    host, port = server.getsockname()
    async with running(Statsd(host, port, "hub")) as metrics:
        server.close()
        metrics.count_csp_report()
        metrics.count_csp_report()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind((host, port))
            again.setblocking(False)

            async def arrives():
                metrics.count_csp_report()
                with contextlib.suppress(BlockingIOError):
                    return again.recv(1000)

            assert await until(arrives) == b"hub.csp_report:1|c"


async def test_an_unknown_host_is_logged_once_and_tried_again(caplog, monkeypatch) -> None:
    monkeypatch.setattr("plughub.services.observability.statsd.STATSD_RETRY_SECONDS", 0)
    tries = 0

    async def refuse(*_, **__):
        nonlocal tries
        tries += 1
        raise socket.gaierror("unknown name")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_datagram_endpoint", refuse)
    statsd = Statsd("statsd.invalid", 8125, "")

    async def tried_twice():
        return tries > 2

    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(statsd.run())
        await until(tried_twice)
        Metrics(statsd=statsd).count_csp_report()  # is dropped
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert caplog.messages == ["metrics cannot be sent to statsd at statsd.invalid:8125: unknown name"]


def test_metrics_are_dropped_while_the_network_takes_none() -> None:
    class FullTransport:
        sent = 0

        def get_write_buffer_size(self):
            return MAX_UNSENT

        def sendto(self, _data):
            self.sent += 1

    statsd, full = Statsd("127.0.0.1", 1, ""), FullTransport()
    statsd.connection_made(full)
    statsd.count("login.success")
    assert full.sent == 0
