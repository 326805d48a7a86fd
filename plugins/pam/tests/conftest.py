"""Real accounts and PAM services, created for a test and removed afterwards."""

import contextlib
import itertools
import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from plughub.testing.workers import alone
from plughub_pam import PAMAuthenticator
from plughub_pam.transaction import HELPER

PASSWORD = "Wonder-land7"
PLAIN = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
numbers = itertools.count()


@pytest.fixture(scope="session")
def as_root():
    if os.geteuid() != 0:
        pytest.skip("PAM checks the passwords of others for root only")


@pytest.fixture(scope="session")
def run(as_root):
    def run(*command, text=None):
        """Run a command, and retry while another process locks the account files."""
        deadline = time.monotonic() + 30
        while True:
            with alone("accounts"):
                done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30)
            if not done.returncode or "lock" not in done.stderr or time.monotonic() > deadline:
                break
        assert done.returncode == 0, f"{command}: {done.stderr}"

    return run


@pytest.fixture(scope="session")
def make_user(run):
    """Create a user, given options of useradd and commands that end with the name."""
    with contextlib.ExitStack() as undo:

        def make(*commands, password=PASSWORD, options=()):
            name = f"ph{os.getpid()}u{next(numbers)}"
            run("useradd", "--no-create-home", *options, name)
            undo.callback(run, "userdel", "--force", name)
            if password:
                run("chpasswd", text=f"{name}:{password}\n")
            for command in commands:
                run(*command, name)
            return name

        yield make


@pytest.fixture(scope="session")
def make_group(run):
    with contextlib.ExitStack() as undo:

        def make():
            name = f"ph{os.getpid()}g{next(numbers)}"
            run("groupadd", name)
            undo.callback(run, "groupdel", name)
            return name

        yield make


@pytest.fixture(scope="session")
def make_service(as_root):
    with contextlib.ExitStack() as undo:

        def make(text=PLAIN):
            file = Path("/etc/pam.d") / f"plughub-test-{os.getpid()}-{next(numbers)}"
            undo.callback(file.unlink)
            file.write_text(text)
            return file.name

        yield make


@pytest.fixture
def make_script(tmp_path):
    def make(text):
        file = tmp_path / f"script{next(numbers)}"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return file

    return make


@pytest.fixture(scope="session")
def alice(make_user):
    return make_user()


@pytest.fixture(scope="session")
def plain(make_service):
    """A service that checks passwords without any delay."""
    return make_service()


@pytest.fixture
def make_authenticator():
    made = []

    def make(**settings):
        made.append(PAMAuthenticator(**settings))
        return made[-1]

    yield make
    for authenticator in made:
        authenticator.executor.shutdown()


@pytest.fixture
def ask(make_authenticator):
    """Log in like the hub."""

    async def ask(username, password=PASSWORD, otp="", **settings):
        authenticator = make_authenticator(**settings)
        data = {"username": username, "password": password, "otp": otp}
        return await authenticator.authenticate(None, data)

    return ask


@pytest.fixture
def helpers():
    """List the helper processes that run for this process."""

    def helpers():
        found = []
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if str(HELPER) in child.cmdline():
                    found.append(child)
        return found

    return helpers
