import pytest
from traitlets.config import Config

from plughub.errors import StartError
from plughub.kinds import Identity, Login
from plughub.testing.contracts.authenticator import AuthenticatorContract
from plughub_dummy import SharedPasswordAuthenticator

USER = "eight-letters"
ADMIN = "a-much-longer-password-for-the-admins"


class TestSharedPasswordKeepsTheContract(AuthenticatorContract):
    believes_names = True

    @pytest.fixture
    def plugin(self):
        return SharedPasswordAuthenticator(user_password=USER)

    @pytest.fixture
    def known(self):
        return Login(username="alice", password=USER)


class TestSharedPasswordOfAdminsKeepsTheContract(AuthenticatorContract):
    @pytest.fixture
    def plugin(self):
        return SharedPasswordAuthenticator(admin_password=ADMIN, admin_users={"Root"}, allow_all=True)

    @pytest.fixture
    def known(self):
        return Login(username="root", password=ADMIN)


@pytest.fixture
def shared():
    return SharedPasswordAuthenticator(user_password=USER, admin_password=ADMIN, admin_users={"Teacher"})


async def ask(shared, username, password):
    return await shared.authenticate(None, {"username": username, "password": password})


async def test_a_user_is_not_an_admin(shared):
    assert (await ask(shared, "alice", USER))["admin"] is False


async def test_an_admin_can_log_in_with_the_admin_password_only(shared):
    assert (await ask(shared, "teacher", ADMIN))["admin"] is True
    assert await ask(shared, "teacher", USER) is None


async def test_a_user_cannot_log_in_with_the_admin_password(shared):
    assert await ask(shared, "alice", ADMIN) is None


@pytest.mark.parametrize("name", ["Teacher", " teacher ", "ｔｅａｃｈｅｒ"])
async def test_other_spellings_of_an_admin_cannot_log_in_as_a_user(shared, name):
    assert await ask(shared, name, USER) is None


async def test_a_name_that_is_mapped_to_an_admin_needs_the_admin_password():
    shared = SharedPasswordAuthenticator(
        user_password=USER, admin_password=ADMIN, admin_users={"teacher"}, username_map={"miss": "teacher"}
    )
    assert await ask(shared, "miss", USER) is None


async def test_additional_passwords_give_groups():
    passwords = {"the-blue-room": ["blue"]}
    shared = SharedPasswordAuthenticator(
        user_password=USER, password_groups=passwords, manage_groups=True, allow_all=True
    )
    assert (await ask(shared, "alice", "the-blue-room"))["groups"] == ["blue"]
    assert (await ask(shared, "alice", USER))["groups"] == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "user_password is not set"),
        ({"user_password": "short"}, "user_password is too short: use at least 8"),
        ({"user_password": USER, "admin_password": "short"}, "admin_password is too short: use at least 32"),
        ({"user_password": ADMIN, "admin_password": ADMIN}, "must differ from the passwords of other users"),
        ({"password_groups": {"long-enough": ["a"]}}, "requires c.SharedPasswordAuthenticator.manage_groups"),
        ({"password_groups": {"short": ["a"]}, "manage_groups": True}, "fewer than 8 characters"),
    ],
)
def test_a_missing_or_short_password_prevents_the_start(settings, words):
    config = Config(SharedPasswordAuthenticator=Config(settings))
    with pytest.raises(StartError, match=words) as caught:
        SharedPasswordAuthenticator(config=config)
    assert caught.value.exit_code == 2
    assert not any(secret in str(caught.value) for secret in ("short'", USER, ADMIN, "long-enough"))


def test_settings_that_lock_all_admins_out_are_reported(caplog):
    SharedPasswordAuthenticator(user_password=USER, admin_users={"teacher"}).check_allow_config()
    assert "admin_password is not" in caplog.text


def test_the_repr_of_an_identity_contains_no_password():
    assert USER not in repr(Identity(name="alice", auth_state={"password": USER}))
