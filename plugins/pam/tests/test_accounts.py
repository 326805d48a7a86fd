"""Accepted and refused logins and their messages, with the machine's own service ``login``."""

import time

import pytest
from traitlets.config import Config

from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.errors import ForbiddenError
from plughub.kinds import Login, Rejected
from plughub_pam.authenticator import PAMAuthenticator

pytestmark = pytest.mark.root


async def test_the_right_password_is_accepted(ask, alice):
    assert (await ask(alice))["name"] == alice


async def test_a_wrong_password_and_an_unknown_user_are_indistinguishable(ask, alice):
    begin = time.monotonic()
    assert await ask(alice, "wrong") is None
    wrong = time.monotonic() - begin
    assert await ask("no-such-user-here", "wrong") is None
    unknown = time.monotonic() - begin - wrong
    assert min(wrong, unknown) > 1.5


async def test_a_locked_password_looks_like_a_wrong_one(ask, make_user, plain):
    assert await ask(make_user(("usermod", "-L")), service=plain) is None


@pytest.mark.parametrize("service", ["login", "su", "plain"])
async def test_an_expired_password_is_reported_with_the_remedy(ask, make_user, plain, service):
    name = make_user(("chage", "-d", "0"))
    with pytest.raises(ForbiddenError, match=r"password has expired.*passwd"):
        await ask(name, service=plain if service == "plain" else service)


@pytest.mark.parametrize("service", ["login", "plain"])
async def test_an_expired_account_is_reported(ask, make_user, plain, service):
    name = make_user(("chage", "-E", "1"))
    with pytest.raises(ForbiddenError, match=r"password is right.*account has expired"):
        await ask(name, service=plain if service == "plain" else service)


async def test_a_wrong_password_for_an_expired_account_reveals_nothing(ask, make_user, plain):
    assert await ask(make_user(("chage", "-E", "1")), "wrong", service=plain) is None
    assert await ask(make_user(("chage", "-d", "0")), "wrong", service=plain) is None


async def test_a_refused_account_is_reported_after_the_right_password_only(ask, alice, make_service):
    service = make_service("auth required pam_unix.so nodelay\naccount required pam_deny.so\n")
    with pytest.raises(ForbiddenError, match="locked, expired, or not allowed here"):
        await ask(alice, service=service)
    assert await ask(alice, "wrong", service=service) is None


async def test_the_account_is_not_checked_when_check_account_is_off(ask, make_user, plain):
    name = make_user(("chage", "-E", "1"))
    assert (await ask(name, service=plain, check_account=False))["name"] == name


async def test_an_empty_password_is_wrong_even_for_an_account_without_one(ask, make_user, make_service):
    name = make_user(("passwd", "-d"), password=None)
    service = make_service("auth required pam_unix.so nullok nodelay\naccount required pam_unix.so\n")
    assert await ask(name, "", service=service) is None


@pytest.mark.parametrize("password", ["pässwörd-пароль-🔑", 'with space \\ "quotes" \'$(id)', "x" * 500])
async def test_any_password_is_passed_unchanged(ask, make_user, plain, password):
    name = make_user(password=password)
    assert (await ask(name, password, service=plain))["name"] == name
    assert await ask(name, password[:-1], service=plain) is None


async def test_passwords_are_encoded_according_to_the_setting(ask, make_user, plain, run):
    name = make_user()
    hashed = "$6$salt$" + _sha512_crypt_of_latin1()
    run("usermod", "-p", hashed, name)
    assert (await ask(name, "é" * 3, service=plain, encoding="latin-1"))["name"] == name
    assert await ask(name, "é" * 3, service=plain) is None
    assert await ask(name, "名前", service=plain, encoding="latin-1") is None


async def test_an_expired_password_is_reported_through_the_hooks(make_authenticator, make_user, plain):
    hooks = AuthenticatorHooks("pam", make_authenticator(service=plain))
    login = Login(username=make_user(("chage", "-d", "0")), password="Wonder-land7")
    answer = await hooks.hub_authenticate(login, None)
    assert isinstance(answer, Rejected)
    assert "has expired" in answer.reason


async def test_the_reason_of_a_refused_login_is_logged(ask, alice, plain, caplog):
    await ask(alice, "wrong", service=plain)
    assert f"{plain!r} refuses {alice!r}: Authentication failure (PAM code 7" in caplog.text


def _sha512_crypt_of_latin1():
    import ctypes
    import ctypes.util

    crypt = ctypes.CDLL(ctypes.util.find_library("crypt")).crypt
    crypt.restype = ctypes.c_char_p
    return crypt("é".encode("latin-1") * 3, b"$6$salt$").decode().rpartition("$")[2]


async def test_a_system_account_is_refused_without_asking_pam(make_user, plain, ask, monkeypatch):
    """The answer of PAM would reveal whether the password of such an account was guessed."""
    daemon = make_user(options=("--system",))
    allowed = Config(SystemAccounts={"allowed": {daemon}})
    assert (await ask(daemon, service=plain, config=allowed))["name"] == daemon
    monkeypatch.setattr(PAMAuthenticator, "_ask", None)
    assert await ask(daemon, service=plain) is None
