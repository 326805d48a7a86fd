"""Delays after wrong passwords, over all hubs, and limits for what anonymous clients can have stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading

import pytest

from plughub import hookimpl
from plughub.domain.errors import ForbiddenError, TooManyError, UnavailableError
from plughub.domain.login_throttle import LoginLimits
from plughub.kinds import Identity
from plughub.services.observability.log_rate_limit import (
    LINES_PER_ADDRESS,
    LogRateLimit,
    unauthenticated_address,
)
from plughub.services.users.login_links import FIELD, OneTimeLinks

TRIES = LoginLimits().tries


class CountingAuthenticator:
    """Knows one password, and counts the calls."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.error: Exception = UnavailableError("the directory does not answer")

    @hookimpl
    async def hub_authenticate(self, login):
        self.asked += 1
        if self.broken:
            raise self.error
        return Identity(name=login.username) if login.password == "pw" else None


class EventListener:
    """Records the events."""

    def __init__(self) -> None:
        self.events = []

    @hookimpl
    async def hub_event(self, event):
        self.events.append(event)


@pytest.fixture
def counting() -> CountingAuthenticator:
    return CountingAuthenticator()


async def wrong(hub, name="alice", address="192.0.2.1"):
    with pytest.raises(ForbiddenError):
        await hub.logins.log_in(name, "wrong", remote_ip=address)


async def test_delays_apply_on_every_hub_and_before_any_plugin(make_hub, counting) -> None:
    hubs = [make_hub(extra={"counting": counting}) for _ in range(2)]
    await hubs[0].user("root")
    for number in range(TRIES + 1):
        await wrong(hubs[number % 2])
    for hub in hubs:
        with pytest.raises(
            TooManyError, match=r"^Too many failed logins. Try again in \d seconds?\.$"
        ) as error:
            await hub.logins.log_in("alice", "pw", remote_ip="192.0.2.1")
        assert 0 < error.value.retry_after <= 2
    assert counting.asked == TRIES + 1
    assert (await hubs[0].logins.log_in("alice", "pw", remote_ip="192.0.2.2")).user.name == "alice"


async def test_concurrent_attempts_on_two_hubs_are_each_counted(make_hub, counting) -> None:
    hubs = [make_hub(extra={"counting": counting}) for _ in range(2)]
    tries = [hubs[number % 2].logins.log_in("alice", str(number), remote_ip="::1") for number in range(24)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(answer, TooManyError) for answer in answers) == 24 - counting.asked
    assert counting.asked == TRIES + 1


async def test_concurrent_correct_passwords_are_not_counted_as_wrong(make_hub, counting) -> None:
    hub = make_hub(extra={"counting": counting})
    await hub.user("root")
    logins = [hub.logins.log_in("alice", "pw", remote_ip="::1") for _ in range(2 * TRIES)]
    assert {session.user.name for session in await asyncio.gather(*logins)} == {"alice"}


async def test_attempts_during_an_outage_of_the_authenticator_do_not_count(make_hub, counting) -> None:
    hub = make_hub(extra={"counting": counting})
    await hub.user("root")
    counting.broken = True
    for _ in range(3 * TRIES):
        with pytest.raises(UnavailableError):
            await hub.logins.log_in("alice", "pw", remote_ip="192.0.2.1")
    counting.broken = False
    assert await hub.logins.log_in("alice", "pw", remote_ip="192.0.2.1")


async def test_attempts_that_make_an_authenticator_fail_count_and_the_user_reads_why(
    make_hub, counting
) -> None:
    hub = make_hub(extra={"counting": counting})
    await hub.user("root")
    counting.broken, counting.error = True, ValueError("cannot parse this password")
    for _ in range(TRIES + 1):
        with pytest.raises(UnavailableError, match="out of order"):
            await hub.logins.log_in("alice", "guess", remote_ip="192.0.2.1")
    with pytest.raises(TooManyError):
        await hub.logins.log_in("alice", "guess", remote_ip="192.0.2.1")


async def test_guesses_for_one_authenticator_count_while_another_one_is_unavailable(
    make_hub, counting
) -> None:
    directory = CountingAuthenticator()
    directory.broken = True
    hub = make_hub(extra={"counting": counting, "directory": directory})
    await hub.user("root")
    for _ in range(TRIES + 1):
        with pytest.raises(UnavailableError, match="out of order"):
            await hub.logins.log_in("alice", "guess", remote_ip="192.0.2.1")
    with pytest.raises(TooManyError):
        await hub.logins.log_in("alice", "guess", remote_ip="192.0.2.1")


async def test_all_attempts_are_admitted_without_delays(make_hub, counting) -> None:
    hub = make_hub(extra={"counting": counting}, login_longest_pause=0)
    for _ in range(4 * TRIES):
        await wrong(hub)
    assert counting.asked == 4 * TRIES


async def test_guessed_links_are_throttled_by_address(make_hub, counting) -> None:
    links = OneTimeLinks(None)
    hub = make_hub(extra={"onetime": links}, login_tries_of_address=3)
    links._store = hub.store
    await hub.user("root")
    token = await links.create("alice")
    for number in range(5):
        with pytest.raises(ForbiddenError):
            await hub.logins.log_in("", "", {FIELD: f"x{number}"}, remote_ip="192.0.2.1")
    with pytest.raises(TooManyError):
        await hub.logins.log_in("", "", {FIELD: token}, remote_ip="192.0.2.1")
    assert (await hub.logins.log_in("", "", {FIELD: token}, remote_ip="192.0.2.2")).user.name == "alice"


async def test_refusals_are_reported_once_a_minute_with_their_number(make_hub, counting, caplog) -> None:
    listener = EventListener()
    hub = make_hub(extra={"counting": counting, "listener": listener})
    for _ in range(40):
        with contextlib.suppress(ForbiddenError, TooManyError):
            await hub.logins.log_in("alice", "wrong", remote_ip="192.0.2.1")
    await wrong(hub, "alice", "192.0.2.2")
    hub.logins.refusals.flush()
    await hub.events.drain()
    reported = [(event.user, event.remote_ip, event.detail.get("count")) for event in listener.events]
    assert reported == [
        ("alice", "192.0.2.1", None),
        ("alice", "192.0.2.2", None),
        ("alice", "192.0.2.1", 39),
    ]
    assert len([record for record in caplog.records if "refused" in record.getMessage()]) == 3


async def test_reports_of_refused_logins_are_limited_and_the_rest_is_counted(make_hub, counting) -> None:
    listener = EventListener()
    hub = make_hub(extra={"counting": counting, "listener": listener}, refused_logins_per_hour=10)
    for number in range(30):
        await wrong(hub, f"nobody{number}")
    hub.logins.refusals.flush()
    await hub.events.drain()
    assert len(listener.events) == 11
    assert (listener.events[-1].user, listener.events[-1].detail["count"]) == ("", 20)


def test_log_lines_of_unauthenticated_clients_are_limited_and_dropped_ones_are_counted() -> None:
    written = []
    handler = logging.Handler()
    handler.emit = written.append  # type: ignore[assignment]
    handler.addFilter(LogRateLimit(LINES_PER_ADDRESS + 50))
    log, root = logging.getLogger("plughub.web.test"), logging.getLogger("plughub")
    root.addHandler(handler)
    try:
        for address in ("192.0.2.1", "192.0.2.2"):
            token = unauthenticated_address.set(address)
            for number in range(500):
                log.warning("404 GET /%d", number)
            unauthenticated_address.reset(token)
        log.warning("of a user")
    finally:
        root.removeHandler(handler)
    texts = [record.getMessage() for record in written]
    assert len(texts) == LINES_PER_ADDRESS + 50 + 2
    assert texts[-1] == "of a user"
    assert any("log lines about requests of unauthenticated clients" in text for text in texts)


async def test_an_authenticator_that_hangs_for_one_name_does_not_delay_others(make_hub) -> None:
    release = threading.Event()

    class BlockingAuthenticator:
        @hookimpl
        def hub_authenticate(self, login):
            if login.username == "slow":
                release.wait()
            return Identity(name=login.username)

    hub = make_hub(extra={"blocks": BlockingAuthenticator()})
    await hub.user("root")
    addresses = [f"192.0.2.{number}" for number in range(12)]
    slow = [asyncio.create_task(hub.logins.log_in("slow", "", remote_ip=ip)) for ip in addresses]
    try:
        refused, _ = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
        assert all(isinstance(task.exception(), TooManyError) for task in refused)
        session = await asyncio.wait_for(hub.logins.log_in("alice", "", remote_ip=addresses[0]), 20)
        assert session.user.name == "alice"
        assert sum(not task.done() for task in slow) >= 2
    finally:
        release.set()
    answers = await asyncio.gather(*slow, return_exceptions=True)
    assert sum(not isinstance(answer, Exception) for answer in answers) == 10


async def test_all_addresses_of_a_network_share_one_quota(make_hub) -> None:
    release = threading.Event()

    class BlockingAuthenticator:
        @hookimpl
        def hub_authenticate(self, login):
            if login.username != "alice":
                release.wait()
            return Identity(name=login.username)

    hub = make_hub(extra={"blocks": BlockingAuthenticator()})
    await hub.user("root")
    slow = [
        asyncio.create_task(hub.logins.log_in(f"slow{number}", "", remote_ip=f"2001:db8::{number:x}"))
        for number in range(1, 17)
    ]
    try:
        await asyncio.wait(slow, timeout=0.1)
        session = await asyncio.wait_for(hub.logins.log_in("alice", "", remote_ip="192.0.2.1"), 15)
        assert session.user.name == "alice"
    finally:
        release.set()
    await asyncio.gather(*slow, return_exceptions=True)
