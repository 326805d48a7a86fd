import os
import pwd
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from plughub.testing import jupyter
from plughub.testing.quick import starts
from plughub.testing.steady_chromium import steady_chromium
from plughub.testing.workers import alone

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests in the event loop of the browser that they share."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
@starts
async def chromium() -> AsyncIterator[Browser]:
    """A real browser that all tests of this process share; all names below ``.test`` are this machine."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=steady_chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chromium: Browser) -> AsyncIterator[Browser]:
    """The browser without cookies, pages or caches of another test."""
    yield chromium
    for context in chromium.contexts:
        await context.close()


@pytest.fixture(scope="session")
def shared_jupyter() -> Path:
    """A `jupyterhub-singleuser` with JupyterLab that every system user can run."""
    return jupyter.shared_jupyter()


class SystemUser:
    """A system user created for a test, with a notebook in the home folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.password = secrets.token_urlsafe(12)
        with alone("accounts"):
            subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
            subprocess.run(["chpasswd"], input=f"{name}:{self.password}", text=True, check=True)
        account = pwd.getpwnam(name)
        self.uid, self.home = account.pw_uid, Path(account.pw_dir)

    def remove(self) -> None:
        subprocess.run(["pkill", "-KILL", "-u", self.name], check=False)
        with alone("accounts"):
            subprocess.run(["userdel", "--remove", "--force", self.name], check=False, capture_output=True)


@pytest.fixture
def people() -> Iterator[list[SystemUser]]:
    """Two system users."""
    if os.geteuid() != 0:
        pytest.skip("making system users needs root")
    mark = secrets.token_hex(3)
    people = [SystemUser(f"ada{mark}"), SystemUser(f"bob{mark}")]
    yield people
    for person in people:
        person.remove()


@pytest.fixture
def pam_config(shared_jupyter: Path) -> str:
    """A configuration with PAM and system users that allows all users."""
    return dedent(f"""
        c.Authenticator.allow_all = True
        c.Spawner.cmd = ["{shared_jupyter}"]
        c.Spawner.http_timeout = 60
        c.LocalProcessSpawner.interrupt_timeout = 5
        c.LocalProcessSpawner.term_timeout = 5
        c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 60}}
    """)
