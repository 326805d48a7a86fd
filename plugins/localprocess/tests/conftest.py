import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.testing.probe_server import PROBE_SERVER
from plughub.testing.pythons import python_for_everybody
from plughub.testing.workers import alone
from plughub.threads import ThreadPools

MakeSpawner = Callable[..., SpawnerUnderTest]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(needs_root)


@pytest.fixture
def system_user() -> Iterator[pwd.struct_passwd]:
    """A system user with a home folder and a supplementary group; removed afterwards."""
    if shutil.which("useradd") is None:
        pytest.skip("useradd is not installed")
    name = f"ph{secrets.token_hex(4)}"
    run("groupadd", f"{name}g")
    run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", f"{name}g", name)
    yield pwd.getpwnam(name)
    run("userdel", "--remove", name)
    run("groupdel", f"{name}g")


def run(*command: str) -> None:
    with alone("accounts"):
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every system user may read; only root may read those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="session")
def probe_server() -> Iterator[tuple[str, ...]]:
    """The command of the probe server, where every system user may run it."""
    if os.geteuid() != 0:
        yield PROBE_SERVER
        return
    python = python_for_everybody()
    if python is None:
        pytest.skip("no Python here that all system users may run")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield python, shutil.copy(PROBE_SERVER[1], folder)


@pytest.fixture
async def spawners(tmp_path: Path, probe_server: tuple[str, ...]) -> AsyncIterator[MakeSpawner]:
    """Factory of spawners with settings; their servers are stopped afterwards."""
    pools = ThreadPools()
    made: list[SpawnerUnderTest] = []

    def make(
        spawner_class: Any,
        username: str,
        *arguments: str,
        name: str = "",
        system_accounts: tuple[str, ...] = (),
        **settings: Any,
    ) -> SpawnerUnderTest:
        def plugin(*more: str) -> SpawnerHooks:
            command = settings.get("cmd", [*probe_server, *arguments, *more])
            return SpawnerHooks(
                NAME,
                spawner_class,
                Config(
                    LocalProcessSpawner={**settings, "cmd": command},
                    SystemAccounts={"allowed": set(system_accounts)},
                ),
                tmp_path / "runtime",
            )

        made.append(SpawnerUnderTest(plugin, make_server(username, name), pools))
        return made[-1]

    yield make
    for spawner in made:
        await spawner.stop(now=True)
    pools.close()


@pytest.fixture
def simple(spawners: MakeSpawner, tmp_path: Path) -> MakeSpawner:
    """Factory of spawners of the plugin `simple`, for alice."""
    from plughub_localprocess.simple_spawner import SimpleLocalProcessSpawner

    def make(*arguments: str, username: str = "alice", **settings: Any) -> SpawnerUnderTest:
        template = f"{tmp_path}/homes/{{username}}"
        return spawners(
            SimpleLocalProcessSpawner,
            username,
            *arguments,
            **{"home_dir_template": template, **settings},
        )

    return make


@pytest.fixture
def local(spawners: MakeSpawner) -> MakeSpawner:
    """Factory of spawners of the plugin `localprocess`."""
    from plughub_localprocess.spawner import LocalProcessSpawner

    def make(username: str, *arguments: str, **settings: Any) -> SpawnerUnderTest:
        return spawners(LocalProcessSpawner, username, *arguments, **settings)

    return make
