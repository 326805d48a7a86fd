"""Modules that block, hang or crash do so in a separate process."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from plughub.testing import conditions
from plughub.testing.conditions import loop_lag
from plughub_pam.helper import MAX_PROMPTS, Message, Transaction
from plughub_pam.transaction import PamError

PASSWORD = "Wonder-land7"
SLEEP_FOR_ONE = """\
auth [success=1 default=ignore] pam_succeed_if.so quiet user != {name}
auth required pam_exec.so quiet {script}
auth required pam_unix.so nodelay
account required pam_unix.so
"""

pytestmark = pytest.mark.root


async def until(condition):
    """Wait for a condition; its value when it holds."""

    async def holds():
        return condition()

    return await conditions.until(holds, seconds=20, pause=0.01)


@pytest.fixture
def sleeper(make_user):
    return make_user()


@pytest.fixture
def hanging(make_service, make_script, sleeper):
    """A service that hangs for one user."""
    return make_service(SLEEP_FOR_ONE.format(name=sleeper, script=make_script("exec sleep 120")))


async def test_a_helper_that_hangs_times_out_while_others_log_in(
    make_authenticator, hanging, sleeper, alice, helpers
):
    authenticator = make_authenticator(service=hanging, timeout=3, executor_threads=2)
    stuck = asyncio.create_task(authenticator.authenticate(None, {"username": sleeper, "password": PASSWORD}))
    [helper] = await until(helpers)
    await until(helper.children)
    started = helper.children()
    for _ in range(5):
        assert await authenticator.authenticate(None, {"username": alice, "password": PASSWORD})
    assert not stuck.done()
    with pytest.raises(PamError, match=rf"PAM service '{hanging}': no answer within 3 s"):
        await stuck
    await until(lambda: not psutil.wait_procs([helper, *started], timeout=0)[1])


async def test_a_helper_that_is_killed_is_an_error_that_names_the_service(
    make_authenticator, hanging, sleeper, helpers
):
    authenticator = make_authenticator(service=hanging)
    login = asyncio.create_task(authenticator.authenticate(None, {"username": sleeper, "password": PASSWORD}))
    [helper] = await until(helpers)
    [sleep] = await until(helper.children)
    helper.kill()
    with pytest.raises(PamError, match=rf"'{hanging}'.*ended without an answer \(killed by SIGKILL\)"):
        await login
    sleep.kill()


async def test_a_module_that_crashes_is_an_error_that_names_the_service(
    ask, make_service, make_script, alice
):
    script = make_script(f"kill -{signal.SIGSEGV.value} $PPID")
    service = make_service(f"auth required pam_exec.so quiet {script}\n")
    with pytest.raises(PamError, match=rf"'{service}'.*killed by SIGSEGV"):
        await ask(alice, service=service)


async def test_a_service_with_a_module_that_does_not_exist_is_an_error_that_names_it(
    ask, make_service, alice
):
    service = make_service("auth required pam_no_such_module.so\naccount required pam_permit.so\n")
    with pytest.raises(PamError, match=rf"'{service}': Module is unknown \(PAM code 28"):
        await ask(alice, service=service)


async def test_a_python_that_cannot_be_started_is_an_error_that_names_the_service(ask, alice, monkeypatch):
    monkeypatch.setattr("sys.executable", "/no/such/python")
    with pytest.raises(PamError, match=r"'login'.*cannot be started"):
        await ask(alice)


async def test_neither_password_nor_secrets_of_the_hub_are_visible(
    make_authenticator, hanging, sleeper, helpers, monkeypatch
):
    monkeypatch.setenv("HUB_SECRET_TOKEN", "do-not-tell")
    authenticator = make_authenticator(service=hanging)
    login = asyncio.create_task(authenticator.authenticate(None, {"username": sleeper, "password": PASSWORD}))
    [helper] = await until(helpers)
    [module] = await until(helper.children)
    for process in (helper, module):
        shown = f"{process.cmdline()} {process.environ()}"
        assert PASSWORD not in shown
        assert PASSWORD.encode().hex() not in shown
        assert "do-not-tell" not in shown
    assert {str(Path(f"/proc/{helper.pid}/fd/{number}").readlink()) for number in range(3)} == {os.devnull}
    helper.kill()
    module.kill()
    with pytest.raises(PamError):
        await login


async def test_output_of_a_module_does_not_affect_the_answer(ask, make_service, make_script, alice):
    good = '{"step": "account", "code": 0, "text": ""}'
    script = make_script(f"echo '{good}'; echo '{good}' > /proc/$PPID/fd/1; kill -9 $PPID")
    service = make_service(f"auth required pam_exec.so quiet {script}\nauth required pam_deny.so\n")
    with pytest.raises(PamError, match="killed by SIGKILL"):
        await ask(alice, service=service)


async def test_fifty_concurrent_logins_never_block_the_loop_nor_run_all_at_once(
    make_authenticator, plain, alice, helpers
):
    authenticator = make_authenticator(service=plain, executor_threads=3)
    passwords = [PASSWORD, "wrong"] * 25
    logins = asyncio.gather(
        *(authenticator.authenticate(None, {"username": alice, "password": each}) for each in passwords)
    )
    lags, counts = [], []
    while not logins.done():
        lags.append(await loop_lag())
        counts.append(len(helpers()))
    assert [bool(answer) for answer in await logins] == [True, False] * 25
    assert max(lags) < 0.5
    assert max(counts) == 3


async def test_the_delay_after_a_wrong_password_delays_no_other_login(make_authenticator, alice):
    authenticator = make_authenticator(service="login", executor_threads=1)
    wrong = [
        asyncio.create_task(authenticator.authenticate(None, {"username": alice, "password": "wrong"}))
        for _ in range(4)
    ]
    assert await authenticator.authenticate(None, {"username": alice, "password": PASSWORD})
    assert not any(login.done() for login in wrong)
    assert await asyncio.gather(*wrong) == [None] * 4


async def test_sessions_are_opened_and_closed_when_configured(
    make_authenticator, make_service, make_script, tmp_path, alice
):
    class User:
        name = alice

    seen = tmp_path / "seen"
    script = make_script(f"echo $PAM_TYPE $PAM_USER >> {seen}")
    service = make_service(f"auth required pam_permit.so\nsession required pam_exec.so quiet {script}\n")
    without = make_authenticator(service=service)
    await without.pre_spawn_start(User(), None)
    assert not seen.exists()
    authenticator = make_authenticator(service=service, open_sessions=True)
    await authenticator.pre_spawn_start(User(), None)
    assert seen.read_text() == f"open_session {alice}\n"
    await authenticator.post_spawn_stop(User(), None)
    assert seen.read_text() == f"open_session {alice}\nclose_session {alice}\n"


async def test_a_session_that_cannot_be_opened_is_an_error(make_authenticator, make_service, alice):
    class User:
        name = alice

    service = make_service("auth required pam_permit.so\nsession required pam_deny.so\n")
    authenticator = make_authenticator(service=service, open_sessions=True)
    with pytest.raises(PamError, match=rf"'{service}': open-session of '{alice}'"):
        await authenticator.pre_spawn_start(User(), None)


def test_hidden_prompts_are_answered_in_order_and_limited_in_number():
    transaction = Transaction(b"login", b"nobody", [b"password", b"123456"])
    prompt = Message(1, b"Password: ")
    answers = [transaction._answer(prompt) for _ in range(MAX_PROMPTS)]
    assert answers[:3] == [b"password", b"123456", b"123456"]
    with pytest.raises(LookupError):
        transaction._answer(prompt)
    transaction.end()
