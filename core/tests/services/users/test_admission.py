"""Users whom administrators add may log in, and no other account gets a name that is reserved for them."""

import asyncio

import pytest

from plughub import hookimpl
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.authenticator.authenticator import Authenticator
from plughub.domain.declarations import Declarations, read_groups, read_roles
from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError
from plughub.domain.roles import default_role
from plughub.domain.scopes import ScopeTree
from plughub.kinds import Identity, Refusal
from plughub.services.settings import LoginPolicy
from plughub.services.tokens.principals import Principal
from plughub.services.users.configuration_sync import AT_ONCE, create_allowed_users, sync_configuration

OPEN, CLOSED = Authenticator(allow_all=True), Authenticator()


class PreparingAuthenticator:
    """Accepts every login, and records the users that it was asked to prepare."""

    def __init__(self):
        self.added, self.deleted = [], []

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username)

    @hookimpl
    async def hub_add_user(self, user):
        self.added.append(user.name)
        return Refusal("not here") if user.name == "nobody" else None

    @hookimpl
    async def hub_delete_user(self, user):
        self.deleted.append(user.name)


@pytest.fixture
async def hub_with(make_hub):
    """Make a hub with some authenticators, each with the settings of its class."""

    async def make(one_person=None, **rules):
        plugins = {name: PreparingAuthenticator() for name in rules}
        hub = make_hub(
            extra={**plugins, "access": AccessRules(rules, CLOSED)},
            one_person=one_person or [],
            policies={
                name: LoginPolicy(listed=found.hub_names(found.allowed_users | found.admin_users))
                for name, found in rules.items()
            },
        )
        hub.plugins = plugins
        root = await hub.user("root")
        everything = ScopeTree().expand(default_role("admin").scopes)
        hub.root = Principal(owner=root, scopes=everything)
        return hub

    return make


async def add(hub, *names, authenticator="", admin=False):
    return await hub.user_admin.create(names, admin=admin, by=hub.root, authenticator=authenticator)


async def log_in(hub, plugin, name, subject=""):
    return (await hub.logins.accept(Identity(plugin=plugin, name=name, subject=subject))).user


async def refused(hub, plugin, name):
    with pytest.raises(ForbiddenError) as caught:
        await log_in(hub, plugin, name)
    return caught.value.message


async def test_only_added_users_may_log_in(hub_with):
    hub = await hub_with(pam=Authenticator())
    [bob] = await add(hub, "bob")
    assert (await log_in(hub, "pam", "bob")).id == bob.id
    assert (await log_in(hub, "pam", "bob")).id == bob.id
    assert "not allowed" in await refused(hub, "pam", "carol")
    await hub.user("dave")  # stored for another reason, such as a group of the config file
    assert "not allowed" in await refused(hub, "pam", "dave")


async def test_an_admission_survives_a_rename_but_not_a_deletion(hub_with):
    hub = await hub_with(pam=Authenticator())
    [bob] = await add(hub, "bob")
    await log_in(hub, "pam", "bob")
    await hub.store.write(lambda tx: tx.user_list.rename(bob.id, "robert"))
    assert (await log_in(hub, "pam", "bob")).name == "robert"
    robert = await hub.store.read(lambda tx: tx.users.get("robert"))
    await hub.user_admin.delete(robert, 5, by=hub.root)
    assert "not allowed" in await refused(hub, "pam", "bob")
    assert "not allowed" in await refused(hub, "pam", "robert")
    assert not await hub.store.read(lambda tx: tx.admissions.of_user(bob.id))


@pytest.mark.parametrize(
    ("rules", "reason"),
    [({"blocked_users": {"bob"}}, "blocked"), ({"config": False}, "not allowed")],
)
async def test_settings_that_exclude_users_also_apply_to_added_users(hub_with, rules, reason):
    rules = dict(rules)
    closed = Authenticator(**{name: value for name, value in rules.items() if name != "config"})
    if "config" in rules:
        closed.config.Authenticator.allow_existing_users = False
    hub = await hub_with(pam=closed)
    await add(hub, "bob")
    assert reason in await refused(hub, "pam", "bob")


async def test_an_authenticator_is_required_where_names_denote_different_people(hub_with):
    hub = await hub_with(pam=Authenticator(), web=Authenticator(allow_all=True))
    [bob] = await add(hub, "bob", authenticator="pam")
    assert "reserved" in await refused(hub, "web", "bob")
    assert (await log_in(hub, "pam", "bob")).id == bob.id
    assert "belongs to a user" in await refused(hub, "web", "bob")
    assert hub.plugins["pam"].added[:1] == ["bob"]
    assert hub.plugins["web"].added == []
    with pytest.raises(InvalidError, match="active: pam, web"):
        await add(hub, "carol", authenticator="ldap")


async def test_without_an_authenticator_only_settings_admit_the_user(hub_with):
    hub = await hub_with(pam=Authenticator(allowed_users={"x"}), web=Authenticator(allowed_users={"y"}))
    await add(hub, "bob")
    for plugin in (
        "pam",
        "web",
    ):  # the existence of a user with this name does not show that it is the same person
        assert "not allowed" in await refused(hub, plugin, "bob")


async def test_a_user_may_log_in_with_either_of_joined_authenticators(hub_with):
    hub = await hub_with(one_person=[{"pam", "ldap"}], pam=Authenticator(), ldap=Authenticator())
    await add(hub, "bob")
    assert (await log_in(hub, "ldap", "bob")).id == (await log_in(hub, "pam", "bob")).id


async def test_admission_for_one_joined_authenticator_covers_the_others(hub_with):
    hub = await hub_with(one_person=[{"pam", "ldap"}], pam=CLOSED, ldap=Authenticator(), web=OPEN)
    await add(hub, "bob", authenticator="pam")
    assert "reserved" in await refused(hub, "web", "bob")
    assert (await log_in(hub, "ldap", "bob")).name == "bob"


@pytest.mark.parametrize("setting", ["allowed_users", "admin_users"])
@pytest.mark.parametrize("stored", [True, False])
async def test_a_name_listed_by_one_authenticator_is_reserved_for_it(hub_with, setting, stored):
    pam = Authenticator(**{setting: {"alice"}}, any_allow_config=True)
    hub = await hub_with(pam=pam, web=Authenticator(allow_all=True))
    if stored:
        user = await hub.user("alice")
        await hub.store.write(lambda tx: tx.users.set_admin(user.id, admin=True))
    assert "reserved" in await refused(hub, "web", "alice")
    assert (await log_in(hub, "web", "bob")).name == "bob"


async def test_adding_a_user_during_their_login_with_another_authenticator_yields_one_of_the_two(hub_with):
    hub = await hub_with(pam=Authenticator(), web=Authenticator(allow_all=True))
    for number in range(10):
        name = f"user{number}"
        await asyncio.gather(
            add(hub, name, authenticator="pam"), log_in(hub, "web", name), return_exceptions=True
        )
        answers = await asyncio.gather(
            log_in(hub, "pam", name), log_in(hub, "web", name), return_exceptions=True
        )
        assert sum(isinstance(answer, ForbiddenError) for answer in answers) >= 1, answers


async def test_an_added_user_who_never_logged_in_is_cleaned_up_at_their_authenticator(hub_with):
    hub = await hub_with(pam=Authenticator(), web=Authenticator())
    [bob] = await add(hub, "bob", authenticator="pam")
    await hub.user_admin.delete(bob, 5, by=hub.root)
    assert (hub.plugins["pam"].deleted, hub.plugins["web"].deleted) == (["bob"], [])


async def test_allowed_users_are_created_at_startup(hub):
    await hub.user("known")
    for _ in range(2):
        await create_allowed_users(hub.store, ["known", "new"])
        users = await hub.store.read(lambda tx: [tx.users.get(name) for name in ("known", "new")])
        assert [user.roles for user in users] == [("user",), ("user",)]
    await hub.store.write(lambda tx: tx.user_list.delete(users[1].id))
    await create_allowed_users(hub.store, ["known", "new"])
    assert await hub.store.read(lambda tx: tx.users.get("new")) is not None


async def test_thousands_of_allowed_users_are_created_in_short_transactions(hub, monkeypatch):
    names = [f"user{number:05}" for number in range(2 * AT_ONCE + 1)]
    written, write = [], hub.store.write

    async def count(work):
        written.append(work)
        return await write(work)

    monkeypatch.setattr(hub.store, "write", count)
    await create_allowed_users(hub.store, names)
    assert len(written) == 3
    assert await hub.store.read(lambda tx: len(tx.user_list.known(names))) == len(names)
    await create_allowed_users(hub.store, names)
    assert len(written) == 3


async def test_new_admins_need_an_authenticator_where_names_denote_different_people(hub_with):
    hub = await hub_with(pam=CLOSED, web=OPEN)
    with pytest.raises(InvalidError, match="authenticator of new admins is required"):
        await add(hub, "bob", admin=True)
    [bob] = await add(hub, "bob", admin=True, authenticator="pam")
    await refused(hub, "web", "bob")
    assert (await log_in(hub, "pam", "bob")).id == bob.id


async def test_a_user_deleted_during_their_login_is_not_created_again(hub_with, monkeypatch):
    hub = await hub_with(pam=CLOSED)
    [bob] = await add(hub, "bob")
    complete = hub.hooks.complete_login

    async def deleted_meanwhile(identity, saved, request):
        await hub.deletion.delete(bob, 10)
        return await complete(identity, saved, request)

    monkeypatch.setattr(hub.hooks, "complete_login", deleted_meanwhile)
    assert "just been deleted" in await refused(hub, "pam", "bob")
    assert await hub.store.read(lambda tx: tx.users.get("bob")) is None


# ---- stored users


async def assign(hub, user, authenticator, by=None):
    return await hub.user_admin.change(user, authenticator=authenticator, by=by or hub.root)


async def test_an_admin_assigns_the_authenticator_of_a_stored_user(hub_with):
    hub = await hub_with(pam=CLOSED, web=OPEN)
    bob = await hub.user("bob")
    await assign(hub, bob, "web")
    await assign(hub, bob, "pam")
    assert "reserved" in await refused(hub, "web", "bob")
    assert (await log_in(hub, "pam", "bob")).id == bob.id
    assert hub.plugins["pam"].added[:1] == ["bob"]
    await assign(hub, bob, "pam")
    assert (await log_in(hub, "pam", "bob")).id == bob.id


async def test_a_user_whom_an_authenticator_knows_is_not_given_to_another(hub_with):
    hub = await hub_with(one_person=[{"pam", "ldap"}], pam=OPEN, ldap=OPEN, web=OPEN)
    bob = await log_in(hub, "pam", "bob")
    with pytest.raises(ConflictError, match="already logs in with pam"):
        await assign(hub, bob, "web")
    await assign(hub, bob, "ldap")
    assert "belongs to a user" in await refused(hub, "web", "bob")
    assert "web" not in {name for name, found in hub.plugins.items() if found.added}


async def test_only_admins_name_an_authenticator_and_nothing_else_changes_when_one_is_refused(hub_with):
    hub = await hub_with(pam=CLOSED, web=OPEN)
    bob, nobody = await hub.user("bob"), await hub.user("nobody")
    helper = Principal(owner=await hub.user("helper"), scopes=ScopeTree().expand(["admin:users"]))
    with pytest.raises(ForbiddenError, match="only admins can assign an authenticator"):
        await assign(hub, bob, "web", by=helper)
    with pytest.raises(InvalidError, match="active: pam, web"):
        await hub.user_admin.change(bob, admin=True, authenticator="ldap", by=hub.root)
    with pytest.raises(InvalidError, match="not here"):
        await hub.user_admin.change(nobody, admin=True, authenticator="pam", by=hub.root)
    with pytest.raises(InvalidError, match="in two requests"):
        await hub.user_admin.change(bob, name="robert", authenticator="pam", by=hub.root)
    stored = await hub.store.read(lambda tx: [tx.users.by_id(user.id) for user in (bob, nobody)])
    assert [(user.name, user.admin) for user in stored] == [("bob", False), ("nobody", False)]


async def given(hub, way):
    """Grant something to the name bob before a user of that name has logged in."""
    tree = ScopeTree()
    role = {"name": "tutor", "scopes": ["read:hub"]}
    declared = {
        "load_groups": Declarations(groups=read_groups({"staff": ["bob"]})),
        "load_roles": Declarations(roles=read_roles([{**role, "users": ["bob"]}], tree)),
        "admin role": Declarations(roles=read_roles([{"name": "admin", "users": ["bob"]}], tree)),
    }
    if way in declared:
        await hub.store.write(lambda tx: sync_configuration(tx, declared[way]))
        return
    user = await hub.user("bob")
    if way == "admin":
        await hub.user_admin.change(user, admin=True, by=hub.root)
    else:
        await hub.store.write(lambda tx: (tx.groups.create(["staff"]), tx.groups.add_users("staff", ["bob"])))


GIVEN = ["load_groups", "load_roles", "admin role", "admin", "group"]


@pytest.mark.parametrize("way", GIVEN)
async def test_a_name_with_grants_is_reserved_until_an_admin_assigns_it(hub_with, way):
    hub = await hub_with(pam=OPEN, web=OPEN)
    await given(hub, way)
    for plugin in ("pam", "web"):
        assert "until an administrator assigns it" in await refused(hub, plugin, "bob")
    bob = await hub.store.read(lambda tx: tx.users.get("bob"))
    await assign(hub, bob, "pam")
    assert "reserved for a user who logs in with pam" in await refused(hub, "web", "bob")
    assert (await log_in(hub, "pam", "bob")).id == bob.id


async def test_a_setting_of_one_authenticator_assigns_a_name_with_grants(hub_with):
    hub = await hub_with(pam=Authenticator(allowed_users={"bob"}), web=OPEN)
    await given(hub, "load_roles")
    await refused(hub, "web", "bob")
    assert (await log_in(hub, "pam", "bob")).roles == ("tutor", "user")


@pytest.mark.parametrize("way", GIVEN)
@pytest.mark.parametrize(
    "settings",
    [{"pam": OPEN}, {"one_person": [{"pam", "ldap"}], "pam": CLOSED, "ldap": OPEN}],
)
async def test_a_name_with_grants_may_log_in_where_it_denotes_one_person(hub_with, way, settings):
    hub = await hub_with(**settings)
    await given(hub, way)
    assert (await log_in(hub, "ldap" if "ldap" in settings else "pam", "bob")).name == "bob"


async def test_a_user_without_grants_belongs_to_the_first_login(hub_with):
    hub = await hub_with(pam=OPEN, web=OPEN)
    bob = await hub.user("bob")
    assert (await log_in(hub, "web", "bob")).id == bob.id
    assert "belongs to a user" in await refused(hub, "pam", "bob")
