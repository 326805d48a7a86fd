import pytest
from tornado import web

from plughub import hookimpl
from plughub.auth import Authenticator
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.kinds import Identity, Login, Refusal
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools


class AnyNameAuthenticator(Authenticator):
    async def authenticate(self, handler, data):
        return data["username"]


def rules_of(**settings):
    return AccessRules({"by-class": AnyNameAuthenticator(**settings)}, Authenticator())


def alice(**fields):
    return Identity(**{"name": "alice", "plugin": "by-class", **fields})


async def is_in(rules, identity):
    return await rules.hub_authorize_login(identity) is None


async def test_without_any_setting_no_user_may_log_in():
    assert not await is_in(rules_of(), alice())


@pytest.mark.parametrize("settings", [{"allow_all": True}, {"allowed_users": {"ALICE "}}])
async def test_a_user_whom_a_setting_allows_may_log_in(settings):
    assert await is_in(rules_of(**settings), alice())


async def test_a_user_whom_no_setting_allows_is_refused():
    assert not await is_in(rules_of(allowed_users={"alice"}), alice(name="bob"))


async def test_an_admin_may_log_in_only_if_a_setting_allows_it():
    assert not await is_in(rules_of(admin_users={"alice"}), alice(admin=True))


@pytest.mark.parametrize("spelling", ["alice", "Alice ", "ＡＬＩＣＥ"])
async def test_the_block_list_overrides_all_allow_settings(spelling):
    rules = rules_of(blocked_users={spelling}, allowed_users={"alice"}, allow_all=True)
    refusal = await rules.hub_authorize_login(alice(exists=True, admin=True))
    assert "blocked" in refusal.reason


async def test_existing_users_may_log_in_if_the_setting_allows_it():
    assert await is_in(rules_of(allow_existing_users=True), alice(exists=True))
    assert not await is_in(rules_of(allow_existing_users=True), alice(exists=False))


async def test_the_settings_of_one_authenticator_do_not_allow_the_users_of_another():
    rules = AccessRules({"by-class": AnyNameAuthenticator(allow_all=True)}, Authenticator())
    assert await is_in(rules, alice())
    assert not await is_in(rules, alice(plugin="by-function"))


async def test_plugins_of_functions_use_the_settings_of_the_base_class():
    rules = AccessRules({}, Authenticator(allowed_users={"alice"}, allow_existing_users=False))
    assert await is_in(rules, alice(plugin="by-function"))
    assert not await is_in(rules, alice(plugin="by-function", name="bob", exists=True))


async def test_users_of_an_exempt_plugin_need_not_be_allowed_but_can_be_blocked():
    rules = AccessRules({}, Authenticator(blocked_users={"bob"}), exempt=frozenset({"link"}))
    assert await is_in(rules, alice(plugin="link"))
    assert not await is_in(rules, alice(plugin="link", name="bob"))


async def test_a_name_that_does_not_match_the_pattern_is_refused():
    assert not await is_in(rules_of(allow_all=True, username_pattern="[b-z]+"), alice())


async def test_a_refused_user_reads_their_name_and_the_log_lists_the_settings_that_could_allow_them(caplog):
    refusal = await rules_of().hub_authorize_login(alice())
    assert refusal.status == 403
    assert "known here as alice" in refusal.reason
    assert "not allowed" in refusal.reason
    assert "c.AnyNameAuthenticator.allowed_users" in caplog.text
    assert "c.AnyNameAuthenticator.allow_all" in caplog.text


async def test_a_rule_of_a_subclass_may_be_async_and_refuse_with_its_own_words():
    class TeamAuthenticator(AnyNameAuthenticator):
        async def check_allowed(self, username, authentication=None):
            if "team" not in authentication["groups"]:
                raise web.HTTPError(403, "only the team")
            return True

    rules = AccessRules({"by-class": TeamAuthenticator(manage_groups=True)}, Authenticator())
    assert await is_in(rules, alice(groups=frozenset({"team"})))
    refused = await rules.hub_authorize_login(alice(groups=frozenset({"other"})))
    assert refused == Refusal("only the team")


async def test_a_restriction_in_check_allowed_holds_for_existing_users_too():
    class RestrictedAuthenticator(AnyNameAuthenticator):
        def check_allowed(self, username, authentication=None):
            return super().check_allowed(username, authentication) and authentication["admin"] is True

    rules = AccessRules({"by-class": RestrictedAuthenticator(allow_existing_users=True)}, Authenticator())
    assert not await is_in(rules, alice(exists=True, admin=False))
    assert await is_in(rules, alice(exists=True, admin=True))


async def test_a_refusal_of_check_allowed_holds_for_users_whom_an_administrator_added():
    class VerifyingAuthenticator(AnyNameAuthenticator):
        async def check_allowed(self, username, authentication=None):
            if not authentication["user_info"].get("verified"):
                raise web.HTTPError(403, "your address is not verified")
            return False

    rules = AccessRules({"by-class": VerifyingAuthenticator()}, AnyNameAuthenticator())
    assert await is_in(rules, alice(admitted=True, user_info={"verified": True}))
    refused = await rules.hub_authorize_login(alice(admitted=True))
    assert refused.reason == "your address is not verified"


async def test_a_failing_rule_is_an_error_and_never_permission():
    class Failing(AnyNameAuthenticator):
        def check_blocked_users(self, username, authentication=None):
            raise OSError("directory out of order")

    rules = AccessRules({"by-class": Failing(allow_all=True)}, Authenticator())
    with pytest.raises(OSError, match="out of order"):
        await rules.hub_authorize_login(alice())


class MaintenanceVeto:
    asked = 0

    @hookimpl
    def hub_authorize_login(self, identity):
        self.asked += 1
        return Refusal("closed for maintenance", status=503)


@pytest.fixture
def hub():
    pools = ThreadPools()

    def build(*more, **settings):
        authenticator = AnyNameAuthenticator(**settings)
        plugins = ActivePlugins()
        plugins.add("by-class", AuthenticatorHooks("by-class", authenticator))
        plugins.add("access", AccessRules({"by-class": authenticator}, Authenticator()))
        for number, plugin in enumerate(more):
            plugins.add(f"more{number}", plugin)
        return Hooks(HookCaller(plugins, pools))

    yield build
    pools.close()


async def log_in(hooks, name):
    answer = await hooks.authenticate(Login(username=name))
    return await hooks.authorize_login(answer.value)


@pytest.mark.parametrize("settings", [{"allow_all": True}, {"allowed_users": {"alice"}}])
async def test_a_veto_counts_although_another_rule_allowed(hub, settings):
    maintenance = MaintenanceVeto()
    refused = await log_in(hub(maintenance, **settings), "alice")
    assert (refused.plugin, refused.value.status) == ("more0", 503)
    assert maintenance.asked == 1


async def test_a_veto_counts_although_another_rule_refused(hub):
    maintenance = MaintenanceVeto()
    assert (await log_in(hub(maintenance), "alice")).plugin == "access"
    assert maintenance.asked == 1


async def test_a_rule_that_fails_refuses(hub):
    class Failing:
        @hookimpl
        def hub_authorize_login(self, identity):
            raise OSError("out of order")

    assert (await log_in(hub(Failing(), allow_all=True), "alice")).plugin == "more0"


@pytest.mark.parametrize("spelling", ["Alice", "alice ", "ａｌｉｃｅ"])
async def test_a_blocked_user_is_refused_in_every_spelling(hub, spelling):
    assert await log_in(hub(allow_all=True, blocked_users={"alice"}), spelling) is not None
    assert await log_in(hub(allowed_users={"alice"}), spelling) is None


async def test_a_renamed_user_is_still_blocked_and_still_allowed_by_the_name_of_the_login():
    renamed = alice(name="alicia", login_name="alice")
    assert not await is_in(rules_of(blocked_users={"alice"}, allow_all=True), renamed)
    assert not await is_in(rules_of(blocked_users={"alicia"}, allow_all=True), renamed)
    assert await is_in(rules_of(allowed_users={"alice"}), renamed)
    assert not await is_in(rules_of(allowed_users={"alicia"}), renamed)
