import pytest

from plughub import hookimpl
from plughub.domain.errors import ForbiddenError
from plughub.kinds import Identity, Refusal, Rejected
from plughub.services.tokens.tokens import store_token
from plughub.services.users.login_links import FIELD, OneTimeLinks


class Veto:
    @hookimpl
    def hub_authorize_login(self, identity):
        return Refusal("the house is closed") if identity.name == "mallory" else None


class BrokenVeto:
    @hookimpl
    async def hub_authorize_login(self, identity):
        raise RuntimeError("out of order")


class AdminAuthenticator:
    @hookimpl
    async def hub_authenticate(self, login):
        if login.username == "locked":
            return Rejected("this account is locked")
        return Identity(name=login.username, subject=f"id-{login.username}")

    @hookimpl
    async def hub_complete_login(self, identity):
        return Identity(name="ignored", admin=True, groups=frozenset({"staff"}))


async def log_in(hub, name, password="pw", **form):
    await hub.user("someone-else")
    return await hub.logins.log_in(name, password, form)


async def test_the_first_authenticator_that_knows_a_user_wins(make_hub, password_table):
    hub = make_hub(
        extra={"a": password_table({"bob": "pw"}), "b": password_table({"alice": "pw", "bob": "other"})}
    )
    assert [(await log_in(hub, name)).plugin for name in ("bob", "alice")] == ["a", "b"]


@pytest.mark.parametrize("typed", ["Alice", " alice ", "ＡＬＩＣＥ", "aLiCe"])
async def test_a_name_is_normalised_before_a_plugin_sees_it(make_hub, password_table, typed):
    hub = make_hub(extra={"a": password_table({"alice": "pw"})})
    assert (await log_in(hub, typed)).user.name == "alice"


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", "pw"), ("", "")])
async def test_wrong_passwords_and_unknown_users_get_the_same_message(
    make_hub, password_table, name, password
):
    hub = make_hub(extra={"a": password_table({"alice": "pw"})})
    with pytest.raises(ForbiddenError, match=r"^Invalid username or password$"):
        await log_in(hub, name, password)


async def test_a_huge_name_reaches_no_plugin_and_no_log(make_hub, caplog):
    hub = make_hub(extra={"promoter": AdminAuthenticator()})
    with pytest.raises(ForbiddenError):
        await log_in(hub, "x" * 10_000_000)
    assert all(len(record.getMessage()) < 200 for record in caplog.records)


async def test_a_name_with_line_breaks_cannot_forge_log_lines(make_hub, password_table, caplog):
    hub = make_hub(extra={"a": password_table({})})
    with pytest.raises(ForbiddenError):
        await log_in(hub, "alice\nroot logged in")
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("sign", ["\n", "\x1b", "\x00", "\u2028", "\udc80"])
async def test_a_name_with_control_characters_reaches_no_plugin(make_hub, sign):
    asked = []

    class Curious:
        @hookimpl
        async def hub_authenticate(self, login):
            asked.append(login.username)

    hub = make_hub(extra={"curious": Curious()})
    with pytest.raises(ForbiddenError, match=r"^Invalid username or password$"):
        await log_in(hub, f"alice{sign}root logged in")
    assert asked == []


async def test_no_further_plugin_is_asked_after_a_rejection(make_hub, password_table):
    hub = make_hub(extra={"promoter": AdminAuthenticator(), "a": password_table({"locked": "pw"})})
    with pytest.raises(ForbiddenError, match="locked"):
        await log_in(hub, "locked")


async def test_a_veto_applies_to_every_authenticator(make_hub, password_table):
    hub = make_hub(extra={"a": password_table({"mallory": "pw", "alice": "pw"}), "veto": Veto()})
    with pytest.raises(ForbiddenError, match="the house is closed"):
        await log_in(hub, "mallory")
    assert (await log_in(hub, "alice")).user.name == "alice"
    assert await hub.store.read(lambda tx: tx.users.get("mallory")) is None


async def test_a_failing_veto_refuses_the_login(make_hub, password_table):
    hub = make_hub(extra={"a": password_table({"alice": "pw"}), "veto": BrokenVeto()})
    with pytest.raises(ForbiddenError, match="'veto'"):
        await log_in(hub, "alice")


async def test_the_authenticating_plugin_completes_the_login(make_hub):
    hub = make_hub(extra={"promoter": AdminAuthenticator()})
    user = (await log_in(hub, "alice")).user
    assert (user.name, user.admin, user.groups) == ("alice", True, ("staff",))


async def test_two_authenticators_never_share_a_user(make_hub, password_table):
    hub = make_hub(extra={"a": password_table({"alice": "one"}), "b": password_table({"alice": "two"})})
    first = await log_in(hub, "alice", "one")
    with pytest.raises(ForbiddenError, match="an administrator can join the two") as refused:
        await log_in(hub, "alice", "two")
    assert refused.value.detail == "JupyterHub.one_person"
    assert (await log_in(hub, "alice", "one")).user.id == first.user.id


async def test_joined_authenticators_share_a_user(make_hub, password_table):
    hub = make_hub(
        extra={"a": password_table({"alice": "one"}), "b": password_table({"alice": "two"})},
        one_person=[{"a", "b"}],
    )
    assert (await log_in(hub, "alice", "one")).user.id == (await log_in(hub, "alice", "two")).user.id


async def test_a_one_time_link_logs_in_once_and_stores_no_identity(make_hub, password_table):
    hub = make_hub(extra={"a": password_table({"alice": "pw"})})
    links = OneTimeLinks(hub.store)
    hub.hooks.caller.plugins.add("onetime", links)
    hub.hooks.caller.forget_cache()
    token = await links.create("Alice", admin=True)
    first = await log_in(hub, "", "", **{FIELD: token})
    assert (first.user.name, first.user.admin) == ("alice", True)
    with pytest.raises(ForbiddenError):
        await log_in(hub, "", "", **{FIELD: token})
    assert (await log_in(hub, "alice")).user.id == first.user.id


async def test_logging_out_revokes_the_tokens_of_the_session(make_hub, password_table):
    hub = make_hub(extra={"a": password_table({"alice": "pw"})})
    session = await log_in(hub, "alice")
    made = await hub.tokens.create(session.user)
    await hub.store.write(
        lambda tx: store_token(tx, "f" * 32, user_id=session.user.id, session_id=session.session_id)
    )
    assert await hub.tokens.authenticate("f" * 32)
    await hub.logins.log_out(session.user, session.session)
    assert await hub.tokens.authenticate(made.text)
    assert await hub.tokens.authenticate("f" * 32) is None


async def test_a_login_link_makes_no_account_of_another_authenticator_an_admin(make_hub, password_table):
    hub = make_hub(extra={"a": password_table({"ubuntu": "pw"})})
    links = OneTimeLinks(hub.store)
    hub.hooks.caller.plugins.add("onetime", links)
    hub.hooks.caller.forget_cache()
    stranger = (await log_in(hub, "ubuntu")).user
    with pytest.raises(ForbiddenError, match="logs in with a and is not an admin") as refused:
        await log_in(hub, "", "", **{FIELD: await links.create("ubuntu", admin=True)})
    assert "admin_users" in refused.value.detail
    assert not (await hub.store.read(lambda tx: tx.users.get("ubuntu"))).admin
    ordinary = await log_in(hub, "", "", **{FIELD: await links.create("ubuntu")})
    assert (ordinary.user.id, ordinary.user.admin) == (stranger.id, False)
    await hub.store.write(lambda tx: tx.users.set_admin(stranger.id, admin=True))
    assert (await log_in(hub, "", "", **{FIELD: await links.create("ubuntu", admin=True)})).user.admin
