"""Roles that authenticators assign, at logins and at the start of a hub."""

import pytest

from plughub import hookimpl
from plughub.app.hub_parts import load_managed_roles
from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.errors import ForbiddenError, StartError
from plughub.domain.scopes import ScopeTree
from plughub.kinds import Identity, ManagedRole
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.settings import LoginPolicy
from plughub.services.users.configuration_sync import sync_configuration

TREE = ScopeTree()
TUTOR = ManagedRole(name="tutor", description="Teaches", scopes=("read:hub",))


class RoleAuthenticator:
    """An authenticator that assigns roles."""

    def __init__(self):
        self.roles = (TUTOR,)
        self.at_start = ()

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username, roles=self.roles)

    @hookimpl
    async def hub_managed_roles(self):
        return self.at_start


@pytest.fixture
def giver():
    return RoleAuthenticator()


@pytest.fixture
async def hub(make_hub, giver):
    hub = make_hub(extra={"giver": giver}, policies={"giver": LoginPolicy(reset_managed_roles=True)})
    await hub.store.write(store_initial_records)
    return hub


async def log_in(hub, name="alice"):
    return (await hub.logins.log_in(name, "")).user


async def role(hub, name="tutor"):
    return await hub.store.read(lambda tx: tx.roles.get(name))


async def test_logins_assign_and_revoke_managed_roles(hub, giver):
    user = await log_in(hub)
    assert (user.roles, user.scopes) == (("tutor", "user"), {"self", "read:hub"})
    assert (await role(hub)).managed_by_auth
    giver.roles = (ManagedRole(name="helper", scopes=()),)
    assert (await log_in(hub)).roles == ("helper", "user")
    giver.roles = None
    assert (await log_in(hub)).roles == ("helper", "user")
    giver.roles = ()
    assert (await log_in(hub)).roles == ("user",)


async def test_roles_assigned_by_an_admin_are_kept(hub, giver):
    await hub.store.write(lambda tx: tx.user_list.create(["alice"]))
    given = Declarations(roles=read_roles([{"name": "staff", "users": ["alice"]}], TREE))
    await hub.store.write(lambda tx: sync_configuration(tx, given))
    assert (await log_in(hub)).roles == ("staff", "tutor", "user")
    giver.roles = ()
    assert (await log_in(hub)).roles == ("staff", "user")


async def test_a_configured_role_assigned_by_an_authenticator_survives_a_restart(hub):
    given = Declarations(roles=read_roles([{"name": "tutor", "scopes": ["proxy"]}], TREE))
    await hub.store.write(lambda tx: sync_configuration(tx, given))
    await log_in(hub)
    await hub.store.write(lambda tx: sync_configuration(tx, given))
    user = await hub.user()
    assert user.roles == ("tutor", "user")
    assert not (await role(hub)).managed_by_auth


async def test_the_role_of_admins_makes_an_admin(hub, giver):
    giver.roles = (ManagedRole(name="admin"),)
    assert (await log_in(hub)).admin
    giver.roles = ()
    assert not (await log_in(hub)).admin


async def test_scopes_of_managed_roles_follow_the_authenticator(hub, giver):
    user = await log_in(hub)
    token = await hub.tokens.create(user)
    assert "read:hub" in (await hub.tokens.authenticate(token.text)).scopes
    giver.roles = (ManagedRole(name="tutor", scopes=("proxy",)),)
    await log_in(hub)
    assert "read:hub" not in (await hub.tokens.authenticate(token.text)).scopes
    assert (await role(hub)).description == "Teaches"


@pytest.mark.parametrize(
    "bad",
    [
        ManagedRole(name="Tutor"),
        ManagedRole(name="tutor", scopes=("read:hbu",)),
        ManagedRole(name="admin", scopes=("self",)),
    ],
)
async def test_an_invalid_role_refuses_the_login_and_stores_nothing(hub, giver, bad):
    giver.roles = (bad,)
    with pytest.raises(ForbiddenError):
        await log_in(hub)
    assert await hub.store.read(lambda tx: tx.users.get("alice")) is None


async def test_a_managed_role_can_list_further_holders(hub, giver, caplog):
    await hub.store.write(lambda tx: (tx.user_list.create(["bob", "carol"]), tx.groups.create(["class"])))
    giver.roles = (
        ManagedRole(name="tutor", users=frozenset({"alice", "bob", "nobody"}), groups=frozenset({"class"})),
    )
    await log_in(hub)
    holders = await hub.store.read(
        lambda tx: (tx.roles.holders("tutor", "user"), tx.roles.holders("tutor", "group"))
    )
    assert holders == ({"alice", "bob"}, {"class"})
    assert "nobody" in caplog.text


async def load(hub):
    await load_managed_roles(hub.hooks, hub.store, hub.settings, TREE)


async def test_startup_roles_exist_before_the_first_login(hub, giver):
    await hub.store.write(lambda tx: tx.user_list.create(["bob"]))
    giver.at_start = (ManagedRole(name="helper", scopes=("read:hub",), users=frozenset({"bob"})),)
    await load(hub)
    await load(hub)
    assert (await hub.user("bob")).roles == ("helper", "user")


async def test_startup_removes_managed_roles_that_are_no_longer_named(hub, giver):
    await log_in(hub)
    giver.at_start = (ManagedRole(name="tutor"),)
    await load(hub)
    assert (await hub.user()).roles == ("tutor", "user")
    giver.at_start = (ManagedRole(name="tutor", users=frozenset()),)
    await load(hub)
    assert (await hub.user()).roles == ("user",)
    giver.at_start = ()
    await load(hub)
    assert await role(hub) is None


async def test_an_invalid_startup_role_stops_the_startup(hub, giver):
    giver.at_start = (ManagedRole(name="tutor", scopes=("read:hbu",)),)
    with pytest.raises(StartError, match="read:hbu"):
        await load(hub)
