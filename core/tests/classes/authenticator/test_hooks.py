import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tornado import gen, web
from tornado.concurrent import run_on_executor

from plughub.auth import Authenticator
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.domain.errors import ForbiddenError, UnavailableError
from plughub.kinds import Identity, Login, ManagedRole, Refusal, Rejected, UserInfo

ALICE = Login(username="alice", password="wonderland", form={"otp": "123", "username": "mallory"})
SECRETS = {"token": "s3cret"}


def hooks_answering(answer, **settings):
    class AnsweringAuthenticator(Authenticator):
        async def authenticate(self, handler, data):
            if isinstance(answer, Exception):
                raise answer
            return answer(data) if callable(answer) else answer

    return AuthenticatorHooks("answering", AnsweringAuthenticator(**settings))


async def test_a_name_is_enough():
    hooks = hooks_answering("alice")
    assert await hooks.hub_authenticate(ALICE, None) == Identity(name="alice", plugin="answering")


async def test_the_form_is_passed_on_and_cannot_override_the_name():
    hooks = hooks_answering(lambda data: f"{data['username']}-{data['password']}-{data['otp']}")
    assert (await hooks.hub_authenticate(ALICE, None)).name == "alice-wonderland-123"


@pytest.mark.parametrize("answer", [None, "", {}, False])
async def test_no_answer_means_that_the_next_plugin_is_asked(answer):
    assert await hooks_answering(answer).hub_authenticate(ALICE, None) is None


async def test_the_auth_model_becomes_the_identity():
    model = {
        "name": " Alice",
        "admin": True,
        "groups": ["a", "b"],
        "auth_state": SECRETS,
        "user_info": {"display_name": "A"},
    }
    identity = await hooks_answering(model, manage_groups=True).hub_authenticate(ALICE, None)
    assert identity == Identity(
        name="alice",
        plugin="answering",
        admin=True,
        groups=frozenset("ab"),
        auth_state=SECRETS,
        user_info={"display_name": "A"},
    )
    assert "s3cret" not in repr(identity)


async def test_groups_are_left_out_unless_they_are_managed():
    hooks = hooks_answering({"name": "alice", "groups": ["admins"]})
    assert (await hooks.hub_authenticate(ALICE, None)).groups is None


async def test_the_map_is_applied_once():
    hooks = hooks_answering("a", username_map={"a": "b", "b": "c"})
    assert (await hooks.hub_authenticate(ALICE, None)).name == "b"


@pytest.mark.parametrize("name", ["..", "a/b", "a\nb", "x" * 300])
async def test_an_invalid_name_authenticates_no_user(name):
    assert await hooks_answering(name).hub_authenticate(ALICE, None) is None


@pytest.mark.parametrize("answer", [{"admin": True}, {"name": None}, {"name": ["alice"]}, 7])
async def test_a_result_without_a_name_is_an_error_of_the_class(answer):
    with pytest.raises(TypeError, match="AnsweringAuthenticator returned no username"):
        await hooks_answering(answer).hub_authenticate(ALICE, None)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ForbiddenError("locked"), "locked"),
        (web.HTTPError(403, "locked since %s", "May"), "locked since May"),
        (web.HTTPError(403, "100% locked"), "100% locked"),
        (web.HTTPError(403, reason="Locked"), "Locked"),
        (web.HTTPError(403), "You are not allowed to log in."),
    ],
)
async def test_a_refusal_has_a_reason_for_the_user(error, reason):
    assert await hooks_answering(error).hub_authenticate(ALICE, None) == Rejected(reason)


@pytest.mark.parametrize("error", [web.HTTPError(500, "x"), UnavailableError("x"), KeyError("x")])
async def test_a_failure_is_not_a_refusal(error):
    with pytest.raises(type(error)):
        await hooks_answering(error).hub_authenticate(ALICE, None)


class BlockingAuthenticator(Authenticator):
    def authenticate(self, handler, data):
        return threading.current_thread().name


class CoroutineAuthenticator(Authenticator):
    @gen.coroutine
    def authenticate(self, handler, data):
        yield gen.moment
        raise gen.Return(threading.current_thread().name)


class ExecutorAuthenticator(Authenticator):
    executor = ThreadPoolExecutor(1, thread_name_prefix="its-own")

    @run_on_executor
    def authenticate(self, handler, data):
        return threading.current_thread().name


async def test_a_plain_method_runs_in_a_thread_of_its_plugin():
    identity = await AuthenticatorHooks("plain", BlockingAuthenticator()).hub_authenticate(ALICE, None)
    assert identity.name.startswith("plughub-plain")


async def test_a_tornado_coroutine_runs_on_the_loop():
    identity = await AuthenticatorHooks("old", CoroutineAuthenticator()).hub_authenticate(ALICE, None)
    assert identity.name == threading.current_thread().name.lower()


async def test_a_method_on_its_own_executor_runs_there():
    identity = await AuthenticatorHooks("old", ExecutorAuthenticator()).hub_authenticate(ALICE, None)
    assert identity.name.startswith("its-own")


async def test_admins_by_setting_become_admins_when_the_login_is_finished():
    hooks = hooks_answering("root", admin_users={"root"})
    assert (await hooks.hub_complete_login(Identity(name="root"), None, None)).admin is True
    assert (await hooks.hub_complete_login(Identity(name="alice"), None, None)).admin is None


async def test_admin_in_the_result_of_authenticate_overrides_the_list():
    hooks = hooks_answering("root", admin_users={"root"})
    assert (await hooks.hub_complete_login(Identity(name="root", admin=False), None, None)).admin is False


@pytest.mark.parametrize("colour", ["plain", "async"])
async def test_the_hook_after_login_may_change_the_auth_model(colour):
    def change(authenticator, handler, model):
        assert handler is None
        return {**model, "groups": [*model["groups"], "late"], "auth_state": {**model["auth_state"], "n": 1}}

    async def change_later(*args):
        return change(*args)

    hook = change if colour == "plain" else change_later
    hooks = hooks_answering("a", post_auth_hook=hook, manage_groups=True, enable_auth_state=True)
    done = await hooks.hub_complete_login(
        Identity(name="a", groups=frozenset({"g"}), auth_state=SECRETS), None, None
    )
    assert done.groups == {"g", "late"}
    assert done.auth_state == {"token": "s3cret", "n": 1}
    assert SECRETS == {"token": "s3cret"}


async def test_the_hook_after_login_may_refuse():
    def refuse(*_):
        raise web.HTTPError(403, "not today")

    hooks = hooks_answering("a", post_auth_hook=refuse)
    assert await hooks.hub_complete_login(Identity(name="a"), None, None) == Rejected("not today")


async def test_secrets_are_saved_only_if_enabled():
    identity = Identity(name="a", auth_state=SECRETS)
    assert (await hooks_answering("a").hub_complete_login(identity, None, None)).auth_state is None
    kept = await hooks_answering("a", enable_auth_state=True).hub_complete_login(identity, None, None)
    assert kept.auth_state == SECRETS


async def test_add_user_is_called():
    prepared = []

    class PreparingAuthenticator(Authenticator):
        async def add_user(self, user):
            prepared.append((user.name, await user.get_auth_state()))

    user = UserInfo(name="a", auth_state=SECRETS)
    assert await AuthenticatorHooks("p", PreparingAuthenticator()).hub_add_user(user) is None
    assert prepared == [("a", SECRETS)]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no such account"), "no such account"),
        (web.HTTPError(403, "not here"), "not here"),
        (ForbiddenError("not you"), "not you"),
    ],
)
async def test_a_refusal_of_add_user_has_a_reason(error, reason):
    class RefusingAuthenticator(Authenticator):
        def add_user(self, user):
            raise error

    assert await AuthenticatorHooks("p", RefusingAuthenticator()).hub_add_user(UserInfo(name="a")) == Refusal(
        reason
    )


async def test_an_exception_of_add_user_is_not_a_refusal():
    class BrokenAuthenticator(Authenticator):
        def add_user(self, user):
            raise OSError("no connection")

    with pytest.raises(OSError, match="no connection"):
        await AuthenticatorHooks("p", BrokenAuthenticator()).hub_add_user(UserInfo(name="a"))


async def test_rename_user_and_delete_user_are_called():
    seen = []

    class RecordingAuthenticator(Authenticator):
        def rename_user(self, user, name):
            seen.append((user.name, name))

        async def delete_user(self, user):
            seen.append((user.name, await user.get_auth_state()))

    hooks = AuthenticatorHooks("p", RecordingAuthenticator())
    await hooks.hub_rename_user(UserInfo(name="a"), "b")
    await hooks.hub_delete_user(UserInfo(name="b", auth_state=SECRETS))
    assert seen == [("a", "b"), ("b", SECRETS)]


async def test_saved_and_new_secrets_are_reconciled():
    seen = []

    async def keep_old(authenticator, model, existing):
        seen.append((type(authenticator).__name__, model["auth_state"], existing))
        return {**(existing or {}), **model["auth_state"]}

    hooks = hooks_answering("a", enable_auth_state=True, reconcile_auth_state_hook=keep_old)
    identity = Identity(name="a", auth_state={"new": 1})
    assert (await hooks.hub_complete_login(identity, {"old": 0}, None)).auth_state == {"old": 0, "new": 1}
    assert (await hooks.hub_complete_login(identity, None, None)).auth_state == {"new": 1}
    assert seen == [
        ("AnsweringAuthenticator", {"new": 1}, {"old": 0}),
        ("AnsweringAuthenticator", {"new": 1}, None),
    ]
    off = hooks_answering("a", reconcile_auth_state_hook=keep_old)
    assert (await off.hub_complete_login(identity, None, None)).auth_state is None


ROLE = {"name": "tutor", "description": "Teaches", "scopes": ["read:hub"], "users": ["Alice"]}
TUTOR = ManagedRole(
    name="tutor", description="Teaches", scopes=("read:hub",), users=frozenset({"alice"}), groups=None
)


async def test_roles_of_the_auth_model_count_only_when_roles_are_managed():
    model = {"name": "alice", "roles": [ROLE, {"name": "plain"}]}
    identity = await hooks_answering(model, manage_roles=True).hub_authenticate(ALICE, None)
    assert identity.roles == (TUTOR, ManagedRole(name="plain"))
    done = await hooks_answering(model, manage_roles=True).hub_complete_login(identity, None, None)
    assert done.roles == identity.roles
    assert (await hooks_answering(model).hub_authenticate(ALICE, None)).roles is None


@pytest.mark.parametrize(
    "role", ["tutor", {}, {"name": 1}, {"name": "tutor", "scopes": "x"}, {"name": "tutor", "colour": 1}]
)
async def test_invalid_roles_are_a_failure_of_the_authenticator(role):
    with pytest.raises(TypeError, match="role"):
        await hooks_answering({"name": "a", "roles": [role]}, manage_roles=True).hub_authenticate(ALICE, None)


async def test_managed_roles_are_loaded_at_the_start():
    class RoleAuthenticator(Authenticator):
        async def load_managed_roles(self):
            return [ROLE]

    assert await AuthenticatorHooks("p", RoleAuthenticator(manage_roles=True)).hub_managed_roles() == (TUTOR,)
    assert await AuthenticatorHooks("p", RoleAuthenticator()).hub_managed_roles() == ()
    reset = Authenticator(manage_roles=True, reset_managed_roles_on_startup=True)
    with pytest.raises(NotImplementedError, match="load_managed_roles"):
        await AuthenticatorHooks("p", reset).hub_managed_roles()


def hooks_refreshing(answer, **settings):
    class RefreshingAuthenticator(Authenticator):
        async def refresh_user(self, user, handler=None):
            assert (user.name, user.admin, user.groups) == ("a", True, ("g",))
            assert await user.get_auth_state() == SECRETS
            return answer

    return AuthenticatorHooks(
        "r", RefreshingAuthenticator(enable_auth_state=True, manage_groups=True, **settings)
    )


STORED = Identity(name="a", plugin="r", admin=True, groups=frozenset({"g"}), auth_state=SECRETS)


async def test_an_unchanged_user_remains_unchanged_after_a_refresh():
    assert await hooks_refreshing(True).hub_refresh_user(STORED, None) is None


@pytest.mark.parametrize("answer", [False, None])
async def test_a_user_whose_refresh_fails_has_to_log_in_again(answer):
    assert isinstance(await hooks_refreshing(answer).hub_refresh_user(STORED, None), Rejected)


async def test_a_refresh_changes_only_what_the_authenticator_returned():
    answer = {"name": "root", "groups": ["h"], "admin": False}
    done = await hooks_refreshing(answer).hub_refresh_user(STORED, None)
    assert (done.name, done.admin, done.groups, done.auth_state) == ("a", False, {"h"}, SECRETS)


async def test_a_user_who_was_blocked_after_login_is_logged_out():
    assert isinstance(
        await hooks_refreshing(True, blocked_users={"A"}).hub_refresh_user(STORED, None), Rejected
    )


async def test_a_block_list_that_needs_secrets_of_the_login_falls_back_to_names_at_a_refresh():
    class DomainAuthenticator(Authenticator):
        def check_blocked_users(self, username, authentication=None):
            if authentication["auth_state"]["domain"] != "campus":
                return False
            return super().check_blocked_users(username, authentication)

    hooks = AuthenticatorHooks("p", DomainAuthenticator(blocked_users={"eve"}))
    assert await hooks.hub_refresh_user(Identity(name="ada"), None) is None
    assert await hooks.hub_refresh_user(Identity(name="ada", auth_state={"domain": "campus"}), None) is None
    for known in (Identity(name="eve"), Identity(name="ada", auth_state={"domain": "elsewhere"})):
        assert isinstance(await hooks.hub_refresh_user(known, None), Rejected)
    with pytest.raises(KeyError):
        await hooks.hub_refresh_user(Identity(name="ada", auth_state={"other": "campus"}), None)


async def test_an_authenticator_without_refresh_changes_nothing():
    assert await AuthenticatorHooks("p", Authenticator()).hub_refresh_user(STORED, None) is None


def test_an_authenticator_with_a_form_describes_it():
    method = hooks_answering("a", request_otp=True, otp_prompt="Code:").hub_login_method()
    assert (method.form, method.url, method.request_otp, method.otp_prompt) == (True, None, True, "Code:")


class ExternalAuthenticator(Authenticator):
    login_service = "GitHub"

    def login_url(self, base_url):
        return f"{base_url}oauth_login"

    async def authenticate(self, handler, data):
        return data["code"]


class PageAuthenticator(ExternalAuthenticator):
    login_url = Authenticator.login_url

    def get_handlers(self, app):
        return [("/login", web.RequestHandler)]


@pytest.mark.parametrize("kind", [ExternalAuthenticator, PageAuthenticator])
async def test_an_authenticator_with_pages_of_its_own_never_gets_the_form_of_the_hub(kind):
    hooks = AuthenticatorHooks("card", kind())
    hooks.hub_register_pages()
    forged = Login(username="", form={"code": "bob"})
    assert [await hooks.hub_authenticate(login, None) for login in (ALICE, forged)] == [None, None]
    assert (await hooks.hub_authenticate(replace(forged, own_page=True), None)).name == "bob"


async def test_an_authenticator_with_an_external_login_returns_its_url():
    hooks = AuthenticatorHooks("github", ExternalAuthenticator(auto_login=True), "/jupyter/hub/")
    method = hooks.hub_login_method()
    assert (method.label, method.url, method.form, method.auto) == ("GitHub", "/oauth_login", False, True)


async def test_a_new_name_neither_makes_an_admin_nor_unblocks():
    renamed = Identity(name="root", login_name="mallory")
    hooks = hooks_refreshing(
        lambda user: {"name": user.name}, admin_users={"root"}, blocked_users={"mallory"}
    )
    assert (await hooks.hub_complete_login(renamed, None, None)).admin is None
    assert isinstance(await hooks.hub_refresh_user(renamed, None), Rejected)
    assert (await hooks.hub_complete_login(Identity(name="x", login_name="root"), None, None)).admin is True


class OwnAddUserAuthenticator(Authenticator):
    def add_user(self, user):
        super().add_user(user)


class OwnNamesAuthenticator(Authenticator):
    def validate_username(self, username):
        return username != "guest"


def test_only_an_authenticator_without_own_rules_for_users_accepts_all_stored_ones():
    assert Authenticator().accepts_stored_users
    assert not OwnAddUserAuthenticator().accepts_stored_users
    assert not OwnNamesAuthenticator().accepts_stored_users
    assert not Authenticator(username_pattern="a.*").accepts_stored_users
    assert not Authenticator(delete_invalid_users=True).accepts_stored_users
    changed = Authenticator()
    vars(changed)["add_user"] = print
    assert not changed.accepts_stored_users
