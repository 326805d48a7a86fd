"""Real accounts and PAM services, created for a test and removed afterwards."""

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from plughub.testing.workers import alone
from plughub_pam import PAMAuthenticator
from plughub_pam.transaction import HELPER

PASSWORD = "Wonder-land7"
PLAIN = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"
numbers = itertools.count()

Run = Callable[..., None]
MakeName = Callable[..., str]
Authenticators = Callable[..., PAMAuthenticator]


@pytest.fixture(scope="session")
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("PAM checks the passwords of others for root only")


@pytest.fixture(scope="session")
def run(as_root: None) -> Run:
    def run(*command: str, text: str | None = None) -> None:
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
def make_user(run: Run) -> Iterator[MakeName]:
    """Create a user, given options of useradd and commands that end with the name."""
    with contextlib.ExitStack() as undo:

        def make(*commands: tuple[str, ...], password: str = PASSWORD, options: tuple[str, ...] = ()) -> str:
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
def make_group(run: Run) -> Iterator[MakeName]:
    with contextlib.ExitStack() as undo:

        def make() -> str:
            name = f"ph{os.getpid()}g{next(numbers)}"
            run("groupadd", name)
            undo.callback(run, "groupdel", name)
            return name

        yield make


@pytest.fixture(scope="session")
def make_service(as_root: None) -> Iterator[MakeName]:
    with contextlib.ExitStack() as undo:

        def make(text: str = PLAIN) -> str:
            file = Path("/etc/pam.d") / f"plughub-test-{os.getpid()}-{next(numbers)}"
            undo.callback(file.unlink)
            file.write_text(text)
            return file.name

        yield make


@pytest.fixture
def make_script(tmp_path: Path) -> Callable[[str], Path]:
    def make(text: str) -> Path:
        file = tmp_path / f"script{next(numbers)}"
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return file

    return make


@pytest.fixture(scope="session")
def alice(make_user: MakeName) -> str:
    return make_user()


@pytest.fixture(scope="session")
def plain(make_service: MakeName) -> str:
    """A service that checks passwords without any delay."""
    return make_service()


@pytest.fixture
def make_authenticator() -> Iterator[Authenticators]:
    made: list[PAMAuthenticator] = []

    def make(**settings: Any) -> PAMAuthenticator:
        made.append(PAMAuthenticator(**settings))
        return made[-1]

    yield make
    for authenticator in made:
        authenticator.executor.shutdown()


@pytest.fixture
def ask(make_authenticator: Authenticators) -> Callable[..., Awaitable[Any]]:
    """Log in like the hub."""

    async def ask(username: str, password: str = PASSWORD, otp: str = "", **settings: Any) -> Any:
        authenticator = make_authenticator(**settings)
        data = {"username": username, "password": password, "otp": otp}
        return await authenticator.authenticate(None, data)

    return ask


@pytest.fixture
def helpers() -> Callable[[], list[psutil.Process]]:
    """List the helper processes that run for this process."""

    def helpers() -> list[psutil.Process]:
        found = []
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if str(HELPER) in child.cmdline():
                    found.append(child)
        return found

    return helpers
