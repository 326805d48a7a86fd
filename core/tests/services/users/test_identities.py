"""Identities after renames, joins, logins, deletions and additions: no user ever gets another's account."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plughub import hookimpl
from plughub.domain.errors import ConflictError, ForbiddenError
from plughub.domain.roles import DEFAULT_ROLES
from plughub.domain.scopes import ScopeTree
from plughub.kinds import Identity
from plughub.services.settings import HubSettings, LoginPolicy
from plughub.services.users.identities import IdentityService
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Transaction
from plughub.testing.quick import examples

JOINED = frozenset({"pam", "ldap"})
NAMES = ("alice", "bob", "carol")
POLICIES = {name: LoginPolicy() for name in ("pam", "ldap", "oidc")}
KEEPER = IdentityService(
    HubSettings(mark="m", hub_id="h", host="x", one_person=(JOINED,), policies=POLICIES), ScopeTree()
)


class RollBackError(Exception):
    """Ends a transaction that must leave nothing."""


class AccountModel:
    """Model of a hub's accounts and their owners: an authenticator or a join identifies a person."""

    def __init__(self, tx):
        self.tx = tx
        self.owners = {}
        self.meant = {}
        self.names_at_oidc = {}

    def log_in(self, plugin, person):
        name = self.names_at_oidc.get(person, person) if plugin == "oidc" else person
        subject = f"number-of-{person}" if plugin in {"oidc", "ldap"} else person
        identity = Identity(plugin=plugin, subject=subject, name=name, login_name=name)
        with contextlib.suppress(ForbiddenError):
            known = KEEPER.find_user(self.tx, identity)
            identity = replace(identity, name=known.name if known else name)
            user = KEEPER.store_login(self.tx, identity, None)
            human = ("joined" if plugin in JOINED else plugin, person)
            assert self.owners.setdefault(user.id, human) == human, f"{human} is let into {self.owners}"
            assert self.meant.get(user.id, human[0]) == human[0], (
                f"{human} has what is meant for {self.meant}"
            )

    def call_at_oidc(self, person, name):
        self.names_at_oidc[person] = name

    def rename(self, old, new):
        user = self.tx.users.get(old)
        if user is not None:
            with contextlib.suppress(ConflictError):
                self.tx.user_list.rename(user.id, new)

    def delete(self, name):
        user = self.tx.users.get(name)
        if user is not None:
            self.tx.user_list.delete(user.id)
            self.owners.pop(user.id, None)  # a key may be used again
            self.meant.pop(user.id, None)

    def add(self, name):
        self.tx.user_list.create([name])

    def admit(self, name, plugin):
        keys = self.tx.user_list.create([name])
        self.tx.admissions.grant(keys, [plugin])
        self.meant.update(dict.fromkeys(keys, "joined" if plugin in JOINED else plugin))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('people') / 'hub.sqlite'}"
    prepare_schema(url)
    opened = Database(url)
    opened.run(lambda connection: Transaction(connection).roles.ensure(DEFAULT_ROLES))
    yield opened
    opened.close()


name = st.sampled_from(NAMES)
ACTIONS = st.one_of(
    st.tuples(st.just("log_in"), st.sampled_from(["pam", "ldap", "oidc"]), name),
    st.tuples(st.just("rename"), name, name),
    st.tuples(st.just("call_at_oidc"), name, name),
    st.tuples(st.just("delete"), name),
    st.tuples(st.just("add"), name),
    st.tuples(st.just("admit"), name, st.sampled_from(["pam", "ldap", "oidc"])),
)
RENAMED = [("log_in", "pam", "alice"), ("rename", "alice", "bob")]


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=14))
@example(actions=[*RENAMED, ("log_in", "pam", "bob")])
@example(actions=[("admit", "alice", "pam"), ("log_in", "oidc", "alice")])
@example(actions=[("admit", "alice", "pam"), ("log_in", "ldap", "alice"), ("log_in", "pam", "alice")])
@example(actions=[*RENAMED, ("log_in", "ldap", "bob")])
@example(actions=[*RENAMED, ("log_in", "ldap", "alice"), ("add", "alice"), ("log_in", "pam", "bob")])
def test_no_user_ever_gets_the_account_of_another(database, actions):
    def work(connection):
        world = AccountModel(Transaction(connection))
        for action, *facts in actions:
            getattr(world, action)(*facts)
        raise RollBackError

    with pytest.raises(RollBackError):
        database.run(work)


class TrustingAuthenticator:
    """An authenticator that accepts every login."""

    @hookimpl
    async def hub_authenticate(self, login):
        return Identity(name=login.username)


async def renamed(hub, old, new):
    user = await hub.user(old)
    await hub.store.write(lambda tx: tx.user_list.rename(user.id, new))


@pytest.fixture
async def joined_hub(make_hub):
    return make_hub(
        extra={"pam": TrustingAuthenticator(), "ldap": TrustingAuthenticator()}, one_person=[set(JOINED)]
    )


async def log_in(hub, plugin, name):
    return (await hub.logins.accept(Identity(plugin=plugin, name=name))).user


async def test_a_renamed_user_keeps_the_account(joined_hub):
    await joined_hub.user("root")
    alice = await log_in(joined_hub, "pam", "alice")
    await renamed(joined_hub, "alice", "alicia")
    for plugin in ("pam", "ldap"):
        with pytest.raises(ForbiddenError, match="belongs to a user"):
            await log_in(joined_hub, plugin, "alicia")
    back = await log_in(joined_hub, "pam", "alice")
    assert (back.id, back.name) == (alice.id, "alicia")


async def test_joins_use_the_names_returned_by_authenticators(joined_hub):
    await joined_hub.user("root")
    alice = await log_in(joined_hub, "pam", "alice")
    await renamed(joined_hub, "alice", "alicia")
    joined = await log_in(joined_hub, "ldap", "alice")
    assert (joined.id, joined.name) == (alice.id, "alicia")


async def test_another_subject_of_a_joined_authenticator_is_another_person(joined_hub):
    await joined_hub.user("root")
    alice = await log_in(joined_hub, "pam", "alice")
    first = Identity(plugin="ldap", name="alice", subject="1")
    assert (await joined_hub.logins.accept(first)).user.id == alice.id
    with pytest.raises(ForbiddenError):
        await joined_hub.logins.accept(replace(first, subject="2"))


async def test_concurrent_logins_as_an_added_user_yield_one_of_the_two(make_hub):
    hubs = [
        make_hub(extra={"first": TrustingAuthenticator(), "second": TrustingAuthenticator()})
        for _ in range(2)
    ]
    for name in (f"user{number}" for number in range(10)):
        await hubs[0].user(name)
        logins = [log_in(hub, plugin, name) for hub, plugin in zip(hubs, ("first", "second"), strict=True)]
        answers = await asyncio.gather(*logins, return_exceptions=True)
        assert sum(isinstance(answer, ForbiddenError) for answer in answers) == 1, answers
