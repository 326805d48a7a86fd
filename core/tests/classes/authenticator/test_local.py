import grp
import os
import pwd
import sys

import pytest
from traitlets.config import Config

from plughub.auth import Authenticator, LocalAuthenticator
from plughub.classes import system_accounts
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.classes.authenticator.model import AuthenticatorUser
from plughub.classes.system_accounts import SystemAccounts
from plughub.domain.errors import ForbiddenError, UnavailableError
from plughub.kinds import Identity, Refusal, UserInfo
from plughub.testing.workers import alone

ME = pwd.getpwuid(os.getuid()).pw_name
MY_GROUP = grp.getgrgid(os.getgid()).gr_name
NOT_MINE = next(
    group.gr_name for group in grp.getgrall() if group.gr_gid not in os.getgrouplist(ME, os.getgid())
)
NO_ONE = AuthenticatorUser("no-such-user-here")


def test_members_of_an_allowed_group_are_allowed():
    assert LocalAuthenticator(allowed_groups={MY_GROUP}).check_allowed(ME)


def test_members_of_another_group_are_not():
    assert not LocalAuthenticator(allowed_groups={NOT_MINE}).check_allowed(ME)


def test_a_group_and_a_name_may_both_allow():
    authenticator = LocalAuthenticator(allowed_groups={NOT_MINE}, allowed_users={ME})
    assert authenticator.check_allowed(ME)
    assert not authenticator.check_allowed(NO_ONE.name)


def test_a_missing_system_group_allows_no_user_and_is_logged(caplog):
    assert not LocalAuthenticator(allowed_groups={"no-such-group"}).check_allowed(ME)
    assert "c.LocalAuthenticator.allowed_groups: system group not found: 'no-such-group'" in caplog.text


def test_no_user_is_a_member_of_an_empty_list_of_groups():
    assert LocalAuthenticator().group_names(NO_ONE.name) == []
    assert MY_GROUP in LocalAuthenticator().group_names(ME)


def test_allowed_groups_silence_the_warning_that_no_user_can_log_in(caplog):
    LocalAuthenticator(allowed_groups={MY_GROUP}).check_allow_config()
    assert not caplog.text


async def test_a_rule_about_groups_may_be_async():
    class AsyncAuthenticator(LocalAuthenticator):
        async def check_allowed_groups(self, username, authentication=None):
            return username == "alice"

    rules = AccessRules({"async": AsyncAuthenticator()}, Authenticator())
    assert await rules.hub_authorize_login(Identity(name="alice", plugin="async")) is None
    assert await rules.hub_authorize_login(Identity(name="eve", plugin="async")) is not None


async def test_a_user_without_a_system_account_is_refused_with_a_reason(caplog):
    hooks = AuthenticatorHooks("local", LocalAuthenticator())
    answer = await hooks.hub_add_user(UserInfo(name=NO_ONE.name))
    assert isinstance(answer, Refusal)
    assert NO_ONE.name in answer.reason
    assert "c.LocalAuthenticator.create_system_users = True" in caplog.text


async def test_an_existing_system_account_is_left_unchanged(tmp_path):
    seen = tmp_path / "seen"
    config = Config(SystemAccounts={"allowed": {ME}})
    command = ["touch", str(seen)]
    authenticator = LocalAuthenticator(config=config, create_system_users=True, add_user_cmd=command)
    await authenticator.add_user(AuthenticatorUser(ME))
    assert not seen.exists()


async def test_the_command_gets_the_name_and_the_number(tmp_path):
    script = "import sys; open(sys.argv[1], 'w').write('|'.join(sys.argv[2:]))"
    seen = tmp_path / "seen"
    authenticator = LocalAuthenticator(
        create_system_users=True,
        add_user_cmd=[sys.executable, "-c", script, str(seen), "--home", "/homes/USERNAME"],
        uids={"new-one": 4711},
    )
    await authenticator.add_user(AuthenticatorUser("new-one"))
    assert seen.read_text() == "--home|/homes/new-one|--uid|4711|new-one"


@pytest.mark.parametrize("name", ["--system", "-r", "a:b", "a b", "a,b"])
def test_a_name_that_a_command_could_misread_is_never_given_to_one(name):
    authenticator = LocalAuthenticator(create_system_users=True, add_user_cmd=["/bin/false"])
    with pytest.raises(ForbiddenError, match="cannot be the name of a user"):
        authenticator.add_system_user(AuthenticatorUser(name))


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sh", "-c", "echo disk full >&2; exit 3"], "exit code 3: disk full"),
        (["/nonexistent/x"], "No such file"),
    ],
)
async def test_the_log_contains_the_reason_of_a_failed_command(command, words, caplog):
    authenticator = LocalAuthenticator(create_system_users=True, add_user_cmd=command)
    with pytest.raises(UnavailableError):
        await authenticator.add_user(NO_ONE)
    assert words in caplog.text


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create users")
async def test_the_default_command_creates_a_real_user_without_a_password():
    name = f"phnew{os.getpid()}"
    with alone("accounts"):
        try:
            await LocalAuthenticator(create_system_users=True).add_user(AuthenticatorUser(name))
            assert pwd.getpwnam(name).pw_name == name
        finally:
            os.system(f"userdel -r {name} 2>/dev/null")


async def test_a_system_account_is_refused_at_login_and_as_a_new_name():
    local, user = LocalAuthenticator(), AuthenticatorUser("alice")
    for name in ("root", "daemon", "nobody"):
        with pytest.raises(ForbiddenError, match="system account of this machine"):
            await local.add_user(AuthenticatorUser(name))
        with pytest.raises(ForbiddenError, match="system account of this machine"):
            await local.rename_user(user, name)
    await local.rename_user(user, "no-such-account")
    allowed = LocalAuthenticator(config=Config(SystemAccounts={"allowed": {"root"}}))
    await allowed.add_user(AuthenticatorUser("root"))
    await allowed.rename_user(user, "root")


@pytest.mark.parametrize(
    ("text", "number"), [("UID_MIN 500\n", 500), ("#UID_MIN 7\n SYS_UID_MIN 100\n", 1000), (None, 1000)]
)
def test_the_lowest_uid_of_a_person_is_that_of_login_defs(tmp_path, monkeypatch, text, number):
    defs = tmp_path / "login.defs"
    if text is not None:
        defs.write_text(text)
    monkeypatch.setattr(system_accounts, "LOGIN_DEFS", defs)
    system_accounts.uid_min.cache_clear()
    try:
        assert system_accounts.uid_min() == number
        assert SystemAccounts().refuses("alice", number - 1)
        assert not SystemAccounts().refuses("alice", number)
    finally:
        system_accounts.uid_min.cache_clear()


@pytest.mark.parametrize(
    ("number", "refused"),
    [(0, True), (499, True), (500, False), (61183, False), (61184, True), (65534, True)],
)
def test_the_lowest_uid_of_a_person_can_be_set(number, refused):
    assert SystemAccounts(config=Config(SystemAccounts={"min_uid": 500})).refuses("alice", number) is refused
