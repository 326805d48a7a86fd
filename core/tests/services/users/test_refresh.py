"""Refresh of users who logged in some time ago."""

import asyncio
import inspect
from dataclasses import replace

import pytest

from plughub import hookimpl
from plughub.domain.errors import ForbiddenError, UnauthorizedError
from plughub.domain.roles import DEFAULT_ROLES
from plughub.kinds import Identity, Rejected
from plughub.services.settings import LoginPolicy
from plughub.services.tokens.principals import Principal

AT_ONCE = 1e-9


class ChangingAuthenticator:
    """An authenticator whose answer changes."""

    def __init__(self):
        self.answer = None
        self.seen = []

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username, groups=frozenset({"first"}))

    @hookimpl
    async def hub_refresh_user(self, identity):
        self.seen.append(identity)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer = self.answer(identity) if callable(self.answer) else self.answer
        return await answer if inspect.isawaitable(answer) else answer


@pytest.fixture
def fickle():
    return ChangingAuthenticator()


@pytest.fixture
def fickle_hub(make_hub, fickle):
    def make(**policy):
        return make_hub(extra={"fickle": fickle}, policies={"fickle": LoginPolicy(**policy)})

    return make


async def log_in(hub, name="alice"):
    return (await hub.logins.log_in(name, "")).user


async def stored(hub, name="alice"):
    return await hub.store.read(lambda tx: tx.users.get(name))


def asked_by(user, *, by_token=False):
    return Principal(owner=user, by_token=by_token)


async def test_active_users_are_checked_periodically(fickle_hub, fickle):
    hub = fickle_hub(refresh_age=AT_ONCE)
    user = await log_in(hub)
    assert await hub.refresher.refresh(user)
    assert [(seen.name, seen.groups, seen.exists) for seen in fickle.seen] == [("alice", {"first"}, True)]
    calm = fickle_hub(refresh_age=300)
    assert await calm.refresher.refresh(user)
    never = fickle_hub(refresh_age=0)
    assert await never.refresher.refresh(user)
    assert len(fickle.seen) == 1


async def test_changes_are_stored_without_overwriting_concurrent_changes(fickle_hub, fickle):
    hub = fickle_hub(refresh_age=AT_ONCE)
    user = await log_in(hub)
    fickle.answer = lambda identity: replace(identity, groups=frozenset({"second"}))
    assert await hub.refresher.refresh(user)
    assert (await stored(hub)).groups == ("second",)

    gate, begun = asyncio.Event(), asyncio.Event()

    async def unhurried(identity):
        begun.set()
        await gate.wait()
        return identity

    fickle.answer = unhurried
    await hub.store.write(lambda tx: tx.roles.ensure(DEFAULT_ROLES))
    other = fickle_hub(refresh_age=AT_ONCE)
    looking = asyncio.create_task(other.refresher.refresh(await stored(hub)))
    await begun.wait()
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    gate.set()
    assert await looking
    assert (await stored(hub)).admin


async def test_a_refused_user_is_logged_out_everywhere(fickle_hub, fickle):
    hub = fickle_hub(refresh_age=AT_ONCE)
    user = await log_in(hub)
    fickle.answer = Rejected("gone")
    assert not await hub.refresher.refresh(user)
    assert (await stored(hub)).cookie_id != user.cookie_id


@pytest.mark.parametrize("strict", [False, True])
async def test_requests_with_a_token_are_allowed_unless_refresh_is_strict(fickle_hub, fickle, strict, caplog):
    hub = fickle_hub(refresh_age=AT_ONCE, refresh_strict=strict)
    user = await log_in(hub)
    fickle.answer = Rejected("gone")
    assert await hub.refresher.refresh(user, by_token=True) is not strict
    assert (await stored(hub)).cookie_id == user.cookie_id
    assert "gone" in caplog.text


async def test_a_failing_authenticator_logs_no_user_out(fickle_hub, fickle):
    hub = fickle_hub(refresh_age=AT_ONCE)
    user = await log_in(hub)
    fickle.answer = OSError("no connection")
    assert await hub.refresher.refresh(user)


async def test_the_user_is_checked_before_a_start_even_after_a_recent_check(fickle_hub, fickle):
    hub = fickle_hub(refresh_age=0, refresh_pre_spawn=True)
    user = await log_in(hub)
    fickle.answer = lambda identity: replace(identity, groups=frozenset({"second"}))
    assert (await hub.refresher.before_start(user, asked_by(user))).groups == ("second",)
    fickle.answer = OSError("no connection")
    with pytest.raises(ForbiddenError, match="no connection"):
        await hub.refresher.before_start(user, asked_by(user))
    lax = fickle_hub()
    assert await lax.refresher.before_start(user, asked_by(user)) == user


async def test_a_start_after_a_refusal_needs_a_login_first(fickle_hub, fickle):
    hub = fickle_hub(refresh_pre_spawn=True)
    user, root = await log_in(hub), await log_in(hub, "root")
    fickle.answer = Rejected("gone")
    assert await hub.refresher.before_start(user, asked_by(user, by_token=True))
    assert await hub.refresher.before_start(user, asked_by(root))
    strict = fickle_hub(refresh_pre_spawn=True, refresh_strict=True)
    for by in (asked_by(user, by_token=True), asked_by(root)):
        with pytest.raises(ForbiddenError, match="log in again"):
            await strict.refresher.before_start(user, by)
    with pytest.raises(UnauthorizedError, match="gone"):
        await hub.refresher.before_start(user, asked_by(user))
    assert (await stored(hub)).cookie_id != user.cookie_id


@pytest.mark.parametrize("trouble", [Rejected("gone"), OSError("no connection")])
async def test_the_user_is_checked_before_a_stop_and_an_admin_may_stop_anyway(fickle_hub, fickle, trouble):
    hub = fickle_hub(refresh_pre_stop=True)
    user, root = await log_in(hub), await log_in(hub, "root")
    await hub.refresher.before_stop(user.id, asked_by(user))
    fickle.answer = trouble
    await hub.refresher.before_stop(user.id, asked_by(root))
    with pytest.raises((UnauthorizedError, ForbiddenError)):
        await hub.refresher.before_stop(user.id, asked_by(user))
    assert len(fickle.seen) == 3
