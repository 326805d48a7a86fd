import asyncio
import logging
import time

import pytest
from tornado.web import HTTPError

from plughub import hookimpl
from plughub.domain.errors import InvalidError, TooManyError, UnavailableError
from plughub.domain.servers import Phase, Status
from plughub.kinds import Endpoint, Resumable, SpawnFailed


async def test_a_start_leads_to_a_running_server_with_a_route_and_a_token(hub, machine, proxy):
    server = await hub.started()
    assert (server.status, server.failure) == (Status.RUNNING, None)
    assert proxy.routes["/user/alice/"].target == server.url
    launched, *_ = machine.running[server.launch]
    principal = await hub.tokens.authenticate(launched.environment["JUPYTERHUB_API_TOKEN"])
    assert principal.name == "alice"
    assert principal.may("users:activity", resource=None) is False
    assert launched.launch_marks["PLUGHUB_OPERATION"] == server.launch


async def test_a_second_start_joins_the_first(hub, machine):
    machine.gate = asyncio.Event()
    user = await hub.user()
    first, second = [await hub.servers.start(user) for _ in range(2)]
    assert first.operation.id == second.operation.id
    machine.gate.set()
    server = await hub.servers.wait(first, 10)
    assert machine.launches == [server.launch]


async def test_a_running_server_is_not_started_again(hub):
    await hub.started()
    with pytest.raises(InvalidError, match="already running"):
        await hub.servers.start(await hub.user())


async def test_users_read_the_message_of_the_plugin(hub, machine, proxy, caplog):
    machine.error = SpawnFailed("no room left", html="<b>no room left</b>", status=503)
    server = await hub.gave_up()
    assert (server.status, server.failure.message, server.failure.status) == (
        Status.STOPPED,
        "no room left",
        503,
    )
    assert machine.stops == [(machine.launches[0], True)]
    assert f"start of alice/ ({server.failure.reference}) failed: " in caplog.text
    assert "/user/alice/" not in proxy.routes
    assert await hub.store.read(lambda tx: tx.tokens.of_user(server.user_id)) == []
    assert await hub.store.read(lambda tx: tx.oauth.client("jupyterhub-user-alice")) is None


class RefusedOutsideError(Exception):
    """An exception of a class for JupyterHub, with a message for users."""

    jupyterhub_message = "your quota is used up"


@pytest.mark.parametrize(
    ("error", "is_expected"),
    [
        (SpawnFailed("no room left", detail="see /etc/limits"), True),
        (InvalidError("this size is not for you"), True),
        (HTTPError(403, "not today"), True),
        (RefusedOutsideError(), True),
        (ZeroDivisionError("division by zero"), False),
    ],
)
async def test_only_unexpected_failures_have_a_traceback_in_the_log(hub, machine, caplog, error, is_expected):
    machine.error = error
    await hub.gave_up()
    entries = [one for one in caplog.records if one.levelname in {"WARNING", "ERROR"}]
    assert len(entries) == (1 if is_expected else 2), caplog.text
    assert [bool(one.exc_info) for one in entries] == ([False] if is_expected else [True, False])


async def test_a_log_with_level_debug_has_all_tracebacks(hub, machine, caplog):
    machine.error = SpawnFailed("no room left")
    with caplog.at_level(logging.DEBUG, "plughub"):
        await hub.gave_up()
    assert [bool(one.exc_info) for one in caplog.records if one.levelname == "WARNING"] == [True, False]


@pytest.mark.parametrize(("status", "stay"), [(400, {"size": "small"}), (500, {"size": "huge"})])
async def test_rejected_options_are_not_reused_by_the_next_start(hub, machine, status, stay):
    await hub.stopped(await hub.started(options={"size": "small"}))
    machine.error = SpawnFailed("huge is not for you", status=status)
    await hub.gave_up(options={"size": "huge"})
    machine.error = None
    server = await hub.started()
    assert server.options == stay
    assert machine.running[server.launch][0].options == stay


async def test_any_other_exception_names_the_plugin_and_shows_the_log_without_secrets(hub, machine):
    machine.error = FileNotFoundError(2, "No such file", "/usr/bin/lab")
    failure = (await hub.started()).failure
    assert failure.plugin == "machine"
    assert failure.message == "the server could not be started"
    assert "/usr/bin/lab" in failure.detail
    assert failure.logs[0] == "first"
    assert "abcdef0123456789" not in str(failure.logs)


async def test_a_server_that_dies_at_once_is_reported_at_once(hub, machine):
    machine.dies = True
    begin = time.monotonic()
    failure = (await hub.started()).failure
    assert time.monotonic() - begin < 5
    assert failure.exit_code == 3
    assert failure.message.endswith("before it answered: exit code 3: it listens elsewhere")


async def test_a_server_that_does_not_answer_fails_with_a_diagnosis(make_hub, machine):
    machine.silent = True
    failure = (await make_hub(http_timeout=0.3).started()).failure
    assert "within 0.3 s" in failure.message
    assert "it listens elsewhere" in failure.message
    assert machine.running == {}


async def test_an_unknown_state_does_not_fail_a_start(hub, machine):
    machine.poll_error = RuntimeError("engine down")
    assert (await hub.started()).status is Status.RUNNING


@pytest.mark.parametrize("stage", ["launch", "await"])
async def test_a_start_that_is_stopped_leaves_nothing(hub, machine, proxy, until, stage):
    machine.gate = asyncio.Event() if stage == "launch" else None
    machine.silent = stage == "await"
    asked = await hub.servers.start(await hub.user())
    await until(lambda: machine.running)
    server = await hub.stopped(asked)
    assert (server.status, server.failure, server.operation) == (Status.STOPPED, None, None)
    assert (machine.running, proxy.routes) == ({}, {})
    assert (await hub.store.read(lambda tx: tx.tokens.of_user(server.user_id))) == []


async def test_starts_beyond_the_limit_are_queued_in_order(make_hub, machine, until):
    hub = make_hub(concurrent_spawn_limit=1)
    machine.gate = asyncio.Event()
    users = [await hub.user(name) for name in ("ada", "bea", "cleo")]
    asked = [await hub.servers.start(user) for user in users]
    await until(lambda: len(machine.launches) == 1)
    places = [(await hub.servers.get(user.name, "")).operation.place for user in users]
    assert places == [None, 1, 2]
    machine.gate.set()
    done = [await hub.servers.wait(server, 10) for server in asked]
    assert [server.status for server in done] == [Status.RUNNING] * 3
    assert machine.launches == [server.launch for server in done]


async def test_a_queued_start_can_be_cancelled(make_hub, machine):
    hub = make_hub(concurrent_spawn_limit=1)
    machine.gate = asyncio.Event()
    await hub.servers.start(await hub.user("ada"))
    waiting = await hub.servers.start(await hub.user("bea"))
    assert waiting.operation.phase is Phase.QUEUED
    assert (await hub.servers.stop(waiting)).operation is None
    machine.gate.set()


async def test_active_server_limit_refuses_with_a_reason(make_hub):
    hub = make_hub(active_server_limit=1)
    await hub.started("ada")
    with pytest.raises(TooManyError, match="limit"):
        await hub.servers.start(await hub.user("bea"))


async def test_named_servers_are_off_until_allowed_and_have_their_limit(make_hub):
    hub = make_hub()
    with pytest.raises(InvalidError, match="allow_named_servers"):
        await hub.servers.start(await hub.user(), "lab")
    hub = make_hub(allow_named_servers=True, named_server_limit_per_user=1)
    assert (await hub.started(server="lab")).ready
    with pytest.raises(InvalidError, match="maximum of 1"):
        await hub.servers.start(await hub.user(), "other")
    with pytest.raises(InvalidError, match="invalid server name"):
        await hub.servers.start(await hub.user(), "Lab/..")


async def test_the_token_of_an_earlier_start_is_revoked(hub, machine):
    server = await hub.started()
    first = machine.running[server.launch][0].environment["JUPYTERHUB_API_TOKEN"]
    assert await hub.tokens.authenticate(first)
    await hub.stopped(server)
    assert await hub.tokens.authenticate(first) is None


async def test_only_the_token_of_the_last_launch_outlives_a_start_that_was_interrupted_twice(
    make_hub, machine, until
):
    machine.before, machine.gate = asyncio.Event(), asyncio.Event()
    first = make_hub(lease=1)
    asked = await first.servers.start(await first.user())
    await until(lambda: machine.tokens)
    await first.crash()  # before it launched anything
    machine.before = None
    second = make_hub(lease=1)
    await until(lambda: machine.running)
    await second.crash()  # after the launch, which is not recorded
    third = make_hub(lease=1)
    assert (await third.servers.wait(asked, 15)).ready
    assert len(machine.launches) == 2
    of_first, of_second = machine.tokens
    assert await third.tokens.authenticate(of_second)
    assert await third.tokens.authenticate(of_first) is None


async def test_no_server_starts_during_shutdown(hub):
    server = await hub.started()
    hub.servers.is_shutting_down = True
    with pytest.raises(UnavailableError, match="shutting down"):
        await hub.servers.start(await hub.user("bob"))
    assert (await hub.stopped(server)).active is False


class InvalidAnswerSpawner:
    """A spawner whose results cannot be stored."""

    def __init__(self, answer, left=None):
        self.answer, self.left = answer, left
        self.spawns = self.stops = 0

    @hookimpl
    async def hub_spawn(self, server):
        self.spawns += 1
        return self.answer

    @hookimpl
    async def hub_poll(self, server):
        return 0

    @hookimpl
    async def hub_stop(self, server, now):
        self.stops += 1
        return self.left


@pytest.mark.parametrize(
    "answer",
    [
        None,
        Endpoint(url="http://somewhere"),
        Endpoint(url="http://somewhere:99999"),
        Endpoint(url="http://127.0.0.1:9", state={"engine": object()}),
    ],
    ids=["nothing", "no port", "odd port", "odd state"],
)
async def test_an_invalid_endpoint_fails_the_start_without_retries(make_hub, answer):
    odd = InvalidAnswerSpawner(answer)
    hub = make_hub(extra={"odd": odd})
    server = await hub.gave_up(backend="odd")
    assert server.status is Status.STOPPED
    assert "plugin 'odd' returned an invalid endpoint" in server.failure.detail
    assert (odd.spawns, odd.stops) == (1, 1)


async def test_an_invalid_state_does_not_keep_a_server_from_stopping(make_hub, caplog):
    odd = InvalidAnswerSpawner(None, left=Resumable(state={"engine": object()}))
    hub = make_hub(extra={"odd": odd})
    server = await hub.gave_up(backend="odd")
    assert (server.status, server.state, odd.stops) == (Status.STOPPED, {}, 1)
    assert "plugin 'odd' returned an invalid state for alice/" in caplog.text
