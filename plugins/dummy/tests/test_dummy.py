import pytest
from traitlets.config import Config

from plughub.classes.authenticator.access import AccessRules
from plughub.kinds import Identity, Login, Refusal
from plughub.plugin.loader import installed_plugins
from plughub.testing.contracts.authenticator import AuthenticatorContract
from plughub_dummy import DummyAuthenticator, SharedPasswordAuthenticator


class TestDummyKeepsTheContract(AuthenticatorContract):
    believes_names = True

    @pytest.fixture
    def plugin(self):
        return DummyAuthenticator(password="open sesame", allow_all=True)

    @pytest.fixture
    def known(self):
        return Login(username="alice", password="open sesame")


async def test_without_a_configured_password_any_password_is_accepted():
    data = {"username": "alice", "password": "whatever"}
    assert await DummyAuthenticator().authenticate(None, data) == "alice"


async def test_no_user_is_allowed_without_an_allow_setting():
    dummy = DummyAuthenticator()
    rules = AccessRules({"dummy": dummy}, dummy)
    assert isinstance(await rules.hub_authorize_login(Identity(name="alice", plugin="dummy")), Refusal)


async def test_the_configured_password_is_used():
    config = Config()
    config.DummyAuthenticator.password = "pässwörd"
    dummy = DummyAuthenticator(config=config)
    assert await dummy.authenticate(None, {"username": "a", "password": "pässwörd"}) == "a"
    assert await dummy.authenticate(None, {"username": "a", "password": "passw"}) is None


@pytest.mark.parametrize(
    ("name", "kind"), [("dummy", DummyAuthenticator), ("shared-password", SharedPasswordAuthenticator)]
)
def test_the_hub_finds_both_by_name(name, kind):
    assert installed_plugins()[name].load().hub_register_authenticator() is kind


def test_with_null_no_user_can_log_in_and_the_page_has_no_form():
    null = installed_plugins()["null"].load()
    assert null.hub_authenticate(Login(username="alice", password="any")) is None
    assert not null.hub_login_method().form
