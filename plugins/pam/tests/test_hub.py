"""A real hub whose PAM service hangs for one user."""

from __future__ import annotations

import contextlib
import http.client
import threading

import psutil
import pytest

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub_pam.transaction import HELPER

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
PASSWORD = "Wonder-land7"
CONFIG = """
c.PAMAuthenticator.service = {service!r}
c.PAMAuthenticator.timeout = 10
c.Authenticator.allow_all = True
"""
SERVICE = """\
auth [success=1 default=ignore] pam_succeed_if.so quiet user != {name}
auth required pam_exec.so quiet /bin/sleep 120
auth required pam_unix.so nodelay
account required pam_unix.so
"""


def test_logins_that_hang_block_no_other_login_and_time_out(make_service, make_user, alice, tmp_path):
    sleeper = make_user()
    config = CONFIG.format(service=make_service(SERVICE.format(name=sleeper)))
    with HubProcess(tmp_path, "--plugins", "pam,simple", config=config) as hub:
        call, answers = ApiClient(f"{hub.hub_url}/", ""), []

        def log_in(name):
            body = {"auth": {"username": name, "password": PASSWORD}}
            with contextlib.suppress(http.client.HTTPException, OSError):  # the hub ends before some
                answers.append((name, call("POST", f"/users/{name}/tokens", body).status))

        def helpers():
            children = psutil.Process(hub.process.pid).children(recursive=True)
            return [child for child in children if str(HELPER) in child.cmdline()]

        hanging = [threading.Thread(target=log_in, args=(sleeper,), daemon=True) for _ in range(8)]
        for thread in hanging:
            thread.start()
        wait_for(lambda: len(helpers()) == 2 and all(helper.children() for helper in helpers()))
        log_in(alice)
        assert answers == [(alice, 201)]
        assert sum(thread.is_alive() for thread in hanging) >= 2
        started = [process for helper in helpers() for process in (helper, *helper.children())]
        wait_for(lambda: not psutil.wait_procs(started, timeout=0)[1])
    assert [answer for answer in answers if answer == (sleeper, 201)] == []
