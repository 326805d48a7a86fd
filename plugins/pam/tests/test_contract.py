import pytest
from traitlets import TraitError

from plughub.kinds import Login
from plughub.plugin.loader import installed_plugins
from plughub.testing.contracts.authenticator import AuthenticatorContract
from plughub_pam import PAMAuthenticator
from plughub_pam.verdict import Answer, Verdict


@pytest.mark.root
class TestPamKeepsTheContract(AuthenticatorContract):
    @pytest.fixture
    def plugin(self, make_authenticator, plain):
        return make_authenticator(service=plain)

    @pytest.fixture
    def known(self, alice):
        return Login(username=alice, password="Wonder-land7")


def test_the_hub_finds_it_by_name():
    assert installed_plugins()["pam"].load().hub_register_authenticator() is PAMAuthenticator


def test_an_encoding_that_does_not_exist_is_refused_at_start():
    with pytest.raises(TraitError, match=r"c\.PAMAuthenticator\.encoding: unknown encoding"):
        PAMAuthenticator(encoding="latin-99")


@pytest.mark.parametrize("code", [1, 3, 4, 5, 9, 15, 24, 26, 28, 99])
@pytest.mark.parametrize("step", ["start", "authenticate", "account"])
def test_other_codes_are_failures_and_never_accept_a_login(code, step):
    assert Answer(step, code, "").verdict is Verdict.FAILED


@pytest.mark.parametrize("code", [6, 7, 10, 12, 13])
def test_a_refusal_before_the_password_check_reveals_nothing(code):
    assert Answer("authenticate", code, "").verdict is Verdict.WRONG
    assert Answer("account", code, "").verdict is Verdict.REFUSED


def test_the_message_of_a_module_becomes_one_line_of_printable_text():
    answer = Answer("account", 6, "denied", ["closed\nuntil\x1b[31m", " Monday"])
    assert answer.reason.endswith("The machine reports: closed until [31m Monday")
    assert "\n" not in str(answer)
