"""System groups: allowed users, admins, and the groups of users."""

import os

import pytest

from plughub.auth import Authenticator
from plughub.classes.authenticator.access import AccessRules
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.kinds import Identity, Login

pytestmark = pytest.mark.root

PASSWORD = "Wonder-land7"


@pytest.fixture
def group(make_group):
    return make_group()


@pytest.fixture
def member(make_user, group):
    return make_user(options=("-G", group))


async def test_only_members_of_an_allowed_group_can_log_in(
    make_authenticator, make_group, make_user, group, member
):
    rules = AccessRules({"pam": make_authenticator(allowed_groups={group})}, Authenticator())
    member_of_another = make_user(options=("-G", make_group()))
    assert await rules.hub_authorize_login(Identity(name=member, plugin="pam")) is None
    refused = await rules.hub_authorize_login(Identity(name=member_of_another, plugin="pam"))
    assert "not allowed" in refused.reason


async def test_the_groups_of_the_system_become_those_of_the_user(make_authenticator, plain, group, member):
    hooks = AuthenticatorHooks("pam", make_authenticator(service=plain, manage_groups=True))
    identity = await hooks.hub_authenticate(Login(username=member, password=PASSWORD), None)
    assert identity.groups == {group, member}


async def test_a_refresh_notices_that_a_user_left_a_group(make_authenticator, run, group, member):
    hooks = AuthenticatorHooks("pam", make_authenticator(manage_groups=True, admin_groups={group}))
    stored = Identity(name=member, plugin="pam", admin=True, groups=frozenset({group, member}))
    assert (await hooks.hub_refresh_user(stored, None)).admin is True
    run("gpasswd", "-d", member, group)
    done = await hooks.hub_refresh_user(stored, None)
    assert (done.admin, done.groups) == (False, {member})


async def test_members_of_admin_groups_are_admins_and_others_are_demoted(
    make_authenticator, alice, group, member
):
    hooks = AuthenticatorHooks("pam", make_authenticator(admin_groups={group}, admin_users={"root"}))
    assert (await hooks.hub_complete_login(Identity(name=member), None, None)).admin is True
    assert (await hooks.hub_complete_login(Identity(name=alice), None, None)).admin is False
    assert (await hooks.hub_complete_login(Identity(name="root"), None, None)).admin is True


async def test_without_admin_groups_no_admin_is_demoted(make_authenticator, alice):
    hooks = AuthenticatorHooks("pam", make_authenticator())
    assert (await hooks.hub_complete_login(Identity(name=alice), None, None)).admin is None


async def test_a_second_name_of_a_user_id_becomes_the_first(make_authenticator, make_user, plain):
    first = make_user()
    second = make_user(options=("--non-unique", "--uid", str(_number(first))))
    login = Login(username=second, password=PASSWORD)
    normalising = AuthenticatorHooks("pam", make_authenticator(service=plain, pam_normalize_username=True))
    assert (await normalising.hub_authenticate(login, None)).name == first
    as_typed = AuthenticatorHooks("pam", make_authenticator(service=plain))
    assert (await as_typed.hub_authenticate(login, None)).name == second


def _number(name):
    import pwd

    return pwd.getpwnam(name).pw_uid


def test_a_hub_without_root_warns_that_only_its_own_user_can_log_in(make_authenticator, monkeypatch, caplog):
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    make_authenticator(allow_all=True).check_allow_config()
    assert "does not run as root" in caplog.text
