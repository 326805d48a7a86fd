"""Secrets of a login: encrypted as in JupyterHub, and passed to the plugins that need them."""

import asyncio
import base64
from dataclasses import replace

import pytest
from jupyterhub.crypto import CryptKeeper
from traitlets.config import Config

from plughub import hookimpl
from plughub.domain.errors import ForbiddenError, InvalidError
from plughub.kinds import Identity
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.settings import LoginPolicy

OLD, NEW = b"o" * 32, b"n" * 32
SECRETS = {"token": "s3cret", "nested": {"list": [1, None]}}
SAVING = {"vault": LoginPolicy(enable_auth_state=True)}


class SecretsAuthenticator:
    """An authenticator without a class that returns secrets."""

    def __init__(self, secrets=SECRETS):
        self.secrets = secrets
        self.saved = []
        self.refreshed = []

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username, auth_state=self.secrets)

    @hookimpl
    async def hub_complete_login(self, identity, saved):
        self.saved.append(saved)
        return identity

    @hookimpl
    async def hub_refresh_user(self, identity):
        self.refreshed.append(identity)
        return replace(identity, auth_state={"token": "renewed"})


@pytest.fixture
def vault():
    return SecretsAuthenticator()


@pytest.fixture
def vault_hub(make_hub, vault):
    def make(*keys, policies=SAVING):
        return make_hub(extra={"vault": vault}, keys=keys, policies=policies)

    return make


async def stored(hub, name="alice"):
    user = await hub.user(name)
    return await hub.store.read(lambda tx: tx.users.auth_state(user.id))


async def test_auth_state_is_stored_encrypted_and_decrypted_again(vault_hub, vault):
    hub = vault_hub(NEW)
    user = (await hub.logins.log_in("alice", "")).user
    assert b"s3cret" not in await stored(hub)
    assert await hub.auth_states.get(user.id) == SECRETS
    await hub.logins.log_in("alice", "")
    assert vault.saved == [None, SECRETS]


async def test_a_login_without_auth_state_deletes_the_stored_one(vault_hub, vault):
    hub = vault_hub(NEW)
    await hub.logins.log_in("alice", "")
    vault.secrets = None
    await hub.logins.log_in("alice", "")
    assert await stored(hub) is None


async def test_auth_state_is_stored_only_where_configured(vault_hub):
    hub = vault_hub(NEW, policies={"": LoginPolicy()})
    await hub.logins.log_in("alice", "")
    assert await stored(hub) is None
    hub = vault_hub(NEW, policies={"": LoginPolicy(enable_auth_state=True)})
    await hub.logins.log_in("alice", "")
    assert await stored(hub)


async def test_auth_state_that_is_not_json_refuses_the_login_and_is_not_shown(vault_hub, vault, caplog):
    hub = vault_hub(NEW)
    vault.secrets = {"token": b"s3cret"}
    with pytest.raises(ForbiddenError, match="not valid JSON"):
        await hub.logins.log_in("alice", "")
    assert "s3cret" not in caplog.text
    assert await hub.store.read(lambda tx: tx.users.get("alice")) is None


async def test_auth_state_of_an_older_key_is_encrypted_again_when_read(vault_hub):
    user = (await vault_hub(OLD).logins.log_in("alice", "")).user
    hub = vault_hub(NEW, OLD)
    before = await stored(hub)
    assert await hub.auth_states.get(user.id) == SECRETS
    after = await stored(hub)
    assert after != before
    assert await hub.auth_states.get(user.id) == SECRETS
    assert await stored(hub) == after
    assert await AuthStates(hub.store, [NEW]).get(user.id) == SECRETS


async def test_auth_state_stored_in_the_meantime_is_not_overwritten(vault_hub):
    hub = vault_hub(OLD)
    user = (await hub.logins.log_in("alice", "")).user
    before = await stored(hub)
    await hub.store.write(lambda tx: tx.users.set_auth_state(user.id, b"newer"))
    await hub.store.write(lambda tx: tx.users.replace_auth_state(user.id, before, b"older"))
    assert await stored(hub) == b"newer"


@pytest.mark.parametrize("keys", [(NEW,), ()])
async def test_auth_state_without_its_key_is_ignored_with_a_warning(vault_hub, caplog, keys):
    user = (await vault_hub(OLD).logins.log_in("alice", "")).user
    hub = vault_hub(*keys)
    assert await hub.auth_states.get(user.id) is None
    assert "JUPYTERHUB_CRYPT_KEY" in caplog.text
    assert await stored(hub) is not None


async def test_nothing_is_stored_without_a_key(make_hub):
    hub = make_hub()
    with pytest.raises(InvalidError, match="no key"):
        await hub.auth_states.encrypt(SECRETS)
    assert (await hub.auth_states.encrypt(None)).data is None


async def test_auth_state_is_compatible_with_jupyterhub(vault_hub):
    hub = vault_hub(NEW)
    user = (await hub.logins.log_in("alice", "")).user
    # With a configuration of its own it imports no further part of JupyterHub, which would take seconds.
    theirs = CryptKeeper(config=Config(), keys=[base64.urlsafe_b64encode(NEW).decode()])
    assert await theirs.decrypt(await stored(hub)) == SECRETS
    encrypted = await theirs.encrypt({"from": "JupyterHub"})
    await hub.store.write(lambda tx: tx.users.set_auth_state(user.id, encrypted))
    assert await hub.auth_states.get(user.id) == {"from": "JupyterHub"}
    theirs.executor.shutdown()


async def test_encryption_does_not_block_the_loop(make_hub):
    hub = make_hub(keys=(NEW,))
    big = {"blob": "x" * 5_000_000}
    sealing = asyncio.create_task(hub.auth_states.encrypt(big))
    turns = 0
    while not sealing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 1
    assert (await sealing).data


async def test_a_refresh_gets_the_auth_state_and_may_renew_it(vault_hub, vault):
    hub = vault_hub(NEW, policies={"vault": LoginPolicy(enable_auth_state=True, refresh_age=1e-9)})
    user = (await hub.logins.log_in("alice", "")).user
    assert await hub.refresher.refresh(user)
    (seen,) = vault.refreshed
    assert (seen.auth_state, seen.subject, seen.exists) == (SECRETS, "alice", True)
    assert await hub.auth_states.get(user.id) == {"token": "renewed"}


async def test_the_spawner_gets_auth_state_at_start_and_stop_but_not_at_a_poll(vault_hub, machine, until):
    hub = vault_hub(NEW)
    await hub.logins.log_in("alice", "")
    server = await hub.started()
    seen, *_ = next(iter(machine.running.values()))
    assert (seen.user.plugin, seen.user.auth_state) == ("vault", SECRETS)
    assert "s3cret" not in repr(seen)
    await hub.stopped(server)
    assert machine.seen["stop"].user.auth_state == SECRETS
    assert machine.seen["poll"].user.auth_state is None


async def test_a_one_time_link_keeps_the_auth_state(vault_hub):
    hub = vault_hub(NEW)
    await hub.logins.log_in("alice", "")
    await hub.logins.accept(Identity(name="alice", plugin="onetime"))
    assert await stored(hub)
