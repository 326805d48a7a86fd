import pytest

from plughub import hookimpl
from plughub.domain.errors import InvalidError
from plughub.domain.roles import Role
from plughub.domain.scopes import ScopeFilter
from plughub.kinds import TokenIdentity


class ForeignTokens:
    def __init__(self):
        self.asked = 0

    @hookimpl
    async def hub_check_token(self, token):
        self.asked += 1
        return (
            TokenIdentity(name="alice", scopes=frozenset({"read:users!user"})) if token == "abc.def" else None
        )


async def test_a_token_authenticates_its_owner(hub):
    made = await hub.tokens.create(await hub.user())
    principal = await hub.tokens.authenticate(made.text)
    assert (principal.name, principal.token_id) == ("alice", f"a{made.record.id}")
    assert principal.may("read:users", resource=ScopeFilter.user("alice"))
    assert not principal.may("read:users", resource=ScopeFilter.user("bob"))


async def test_a_revoked_token_is_invalid_at_once(hub):
    user = await hub.user()
    made = await hub.tokens.create(user)
    assert await hub.tokens.authenticate(made.text)
    assert await hub.tokens.revoke(user, made.record.id)
    assert await hub.tokens.authenticate(made.text) is None


async def test_users_cannot_revoke_tokens_of_others(hub):
    made = await hub.tokens.create(await hub.user("alice"))
    assert not await hub.tokens.revoke(await hub.user("bob"), made.record.id)


@pytest.mark.parametrize("scope", ["admin:users", "read:users"])
async def test_users_cannot_create_tokens_with_more_scopes_than_they_hold(hub, scope):
    with pytest.raises(InvalidError, match="does not hold"):
        await hub.tokens.create(await hub.user(), scopes=[scope])


async def test_a_token_loses_the_scopes_that_its_owner_loses(hub):
    user = await hub.user()
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, True))
    admin = await hub.store.read(lambda tx: tx.users.get("alice"))
    made = await hub.tokens.create(admin, scopes=["admin:users"])
    assert (await hub.tokens.authenticate(made.text)).may("admin:users")
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, False))
    principal = await hub.tokens.authenticate(made.text)
    assert not principal.may("admin:users")
    assert not principal.may("read:users", resource=ScopeFilter.user("bob"))


async def test_unknown_scopes_and_invalid_times_are_refused(hub):
    user = await hub.user()
    with pytest.raises(InvalidError, match="does not exist"):
        await hub.tokens.create(user, scopes=["no:such"])
    with pytest.raises(InvalidError, match="expires_in"):
        await hub.tokens.create(user, expires_in=0)


async def test_a_promotion_takes_effect_at_once(hub):
    user = await hub.user()
    made = await hub.tokens.create(user)
    assert not (await hub.tokens.authenticate(made.text)).may("list:users")
    await hub.store.write(lambda tx: tx.users.set_admin(user.id, True))
    assert (await hub.tokens.authenticate(made.text)).may("list:users")


async def test_plugins_can_check_tokens_besides_the_database(make_hub):
    foreign = ForeignTokens()
    hub = make_hub(extra={"jwt": foreign})
    await hub.user()
    own = await hub.tokens.create(await hub.user())
    assert (await hub.tokens.authenticate(own.text)).name == "alice"
    assert foreign.asked == 0
    principal = await hub.tokens.authenticate("abc.def")
    assert principal.may("read:users", resource=ScopeFilter.user("alice"))
    assert not principal.may("servers", resource=ScopeFilter.user("alice"))


@pytest.mark.parametrize("token", ["", "x", "x" * 65, "x" * 100_000])
async def test_an_invalid_token_has_no_principal(hub, token):
    assert await hub.tokens.authenticate(token) is None


async def test_a_principal_read_before_a_change_is_not_cached(hub):
    made = await hub.tokens.create(await hub.user())
    cache = hub.tokens.cache
    principal = await hub.tokens.authenticate(made.text)
    before = cache.version
    await hub.tokens.revoke(principal.user, made.record.id)
    cache.put(made.text, principal, before)
    assert await hub.tokens.authenticate(made.text) is None


async def test_scope_for_member_is_part_of_scope_for_group(hub):
    await hub.user("bob")

    def give(tx):
        tx.groups.create(["class"])
        tx.roles.ensure([Role(name="teacher", scopes=("read:users!group=class",))])
        tx.roles.grant("teacher", "user", [alice.name])

    alice = await hub.user("alice")
    await hub.store.write(give)
    alice = await hub.user("alice")
    with pytest.raises(InvalidError):
        await hub.tokens.create(alice, scopes=["read:users!user=bob"])
    await hub.store.write(lambda tx: tx.groups.add_users("class", ["bob"]))
    made = await hub.tokens.create(alice, scopes=["read:users!user=bob"])
    assert "read:users!user=bob" in await hub.tokens.effective_scopes(alice, made.record)
    assert "read:users!user=bob" in (await hub.tokens.authenticate(made.text)).scopes
    await hub.store.write(lambda tx: tx.groups.remove_users("class", ["bob"]))
    assert "read:users!user=bob" not in (await hub.tokens.authenticate(made.text)).scopes
