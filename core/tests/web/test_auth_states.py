"""Stored auth_state in the API, and logins that have to be renewed."""

from __future__ import annotations

import json

import pytest

from plughub import hookimpl
from plughub.kinds import Identity, Rejected
from plughub.services.settings import LoginPolicy
from plughub.testing.doubles import KnownUsers

ALICE = "/hub/api/users/alice"
SECRETS = {"token": "s3cret"}


class RefusingUsers(KnownUsers):
    """Authenticator that refuses known users as soon as it is switched to."""

    refusal = ""

    @hookimpl
    async def hub_refresh_user(self, identity: Identity) -> Rejected | None:
        return Rejected(self.refusal) if self.refusal else None


@pytest.fixture
def wary():
    return RefusingUsers({"alice": "wonder", "root": "toor"}, admins=["root"])


@pytest.fixture
def wary_hub(make_hub, wary):
    async def make(**policy):
        return await make_hub(users=wary, keys=(b"k" * 32,), policies={"known": LoginPolicy(**policy)})

    return make


def model(answer):
    return json.loads(answer.body)


async def test_auth_state_is_stored_and_cleared_by_api(make_hub):
    hub = await make_hub(keys=(b"k" * 32,))
    await hub.user()
    admin = await hub.admin()
    assert model(await admin.get(ALICE))["auth_state"] is None
    changed = await admin.ask("PATCH", ALICE, model={"auth_state": SECRETS})
    assert (changed.code, model(changed)["auth_state"]) == (200, SECRETS)
    assert model(await admin.ask("PATCH", ALICE, model={}))["auth_state"] == SECRETS
    assert model(await admin.ask("PATCH", ALICE, model={"auth_state": None}))["auth_state"] is None


async def test_reading_auth_state_needs_scope(make_hub):
    hub = await make_hub(keys=(b"k" * 32,))
    user = await hub.user()
    sealed = await hub.auth_states.encrypt(SECRETS)
    await hub.store.write(lambda tx: tx.users.set_auth_state(user.id, sealed.data))

    assert "auth_state" not in model(await (await hub.program()).get(ALICE))
    assert "auth_state" not in model(await (await hub.holder("bob", "read:users")).get(ALICE))
    carol = await hub.holder("carol", "admin:auth_state!user=alice")
    assert model(await carol.get(ALICE))["auth_state"] == SECRETS
    listed = model(await (await hub.admin()).get("/hub/api/users"))
    assert all(found["auth_state"] is None for found in listed)


async def test_failed_refresh_redirects_to_login_page(wary_hub, wary):
    hub = await wary_hub(refresh_age=1e-9)
    browser = await hub.logged_in_bare()
    assert (await browser.get("/hub/home")).code == 200
    wary.refusal = "You left."
    answer = await browser.get("/hub/home")
    assert (answer.code, answer.headers["Location"].partition("?")[0]) == (302, "/hub/login")
    wary.refusal = ""
    assert (await browser.get("/hub/home")).code == 302


@pytest.mark.parametrize(("strict", "code"), [(False, 200), (True, 403)])
async def test_token_stays_valid_unless_refresh_is_strict(wary_hub, wary, strict, code):
    hub = await wary_hub(refresh_age=1e-9, refresh_strict=strict)
    await hub.logged_in_bare()
    program = await hub.program()
    wary.refusal = "You left."
    assert (await program.get("/hub/api/user")).code == code


async def test_failed_refresh_before_start_redirects_browser_and_refuses_program(wary_hub, wary):
    hub = await wary_hub(refresh_age=0, refresh_pre_spawn=True, refresh_strict=True)
    browser = await hub.logged_in()
    program = await hub.program()
    wary.refusal = "You left."
    refused = await program.post(f"{ALICE}/server")
    assert (refused.code, "You left." in model(refused)["message"]) == (403, True)
    answer = await browser.get("/hub/spawn")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/login?next=%2Fhub%2Fspawn")
    assert hub.tiny.started == []
    wary.refusal = ""
    assert (await program.post(f"{ALICE}/server")).code == 201


async def test_failed_refresh_before_stop_refuses_user_but_not_admin(wary_hub, wary):
    hub = await wary_hub(refresh_age=0, refresh_pre_stop=True, refresh_strict=True)
    await hub.logged_in_bare()
    program, admin = await hub.program(), await hub.admin()
    await hub.running()
    wary.refusal = "You left."
    assert (await program.delete(f"{ALICE}/server")).code == 403
    assert (await admin.delete(f"{ALICE}/server")).code == 204
