"""An engine, and images that are made without a registry."""

import contextlib
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from playwright.async_api import Page, async_playwright
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.kinds import Server
from plughub.testing import probe_server, tiny_server
from plughub.testing.conditions import wait_for
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.testing.quick import starts
from plughub.testing.steady_chromium import steady_chromium
from plughub.testing.workers import alone
from plughub.threads import ThreadPools
from plughub_docker.testing.engine_places import EnginePlace, engine_place
from plughub_docker.testing.images import PYTHON, build, distribution_paths, python_paths
from plughub_docker.testing.repositories import make_course, serving
from plughub_docker.testing.shared_engine import gateway_of, joined_swarm, new_prefix, remove_leftovers

Engine = Any  # docker.APIClient has no types


@pytest.fixture(scope="session")
@starts
def engine() -> Iterator[Engine]:
    """A client of the engine; the test is skipped where none runs."""
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex("/var/run/docker.sock"):
            pytest.skip("no Docker engine runs here that this user may use (/var/run/docker.sock)")
    client = docker.APIClient(version="auto", timeout=60)
    remove_leftovers(client)
    yield client
    client.close()


@pytest.fixture(scope="session")
def tiny_image(engine: Engine) -> str:
    """An image with Python, the probe server and the tiny server."""
    files = {
        "/opt/probe_server.py": Path(probe_server.__file__).read_bytes(),
        "/opt/tiny_server.py": Path(tiny_server.__file__).read_bytes(),
    }
    return build(engine, "plughub-tests-tiny", python_paths(), files, ["USER 1000:1000"])


@pytest.fixture(scope="session")
def lab_image(engine: Engine) -> str:
    """An image with the installed jupyterhub-singleuser and JupyterLab."""
    paths = [*python_paths(), *distribution_paths("jupyterhub", "jupyterlab"), Path(sys.prefix, "pyvenv.cfg")]
    changes = [
        "USER 1000:1000",
        "WORKDIR /home/jovyan",
        "ENV HOME=/home/jovyan",
        f"ENV PATH={sys.prefix}/bin:/usr/bin:/bin",
        f'CMD ["{sys.prefix}/bin/jupyterhub-singleuser"]',
    ]
    return build(engine, "plughub-tests-lab", paths, {}, changes)


@pytest.fixture(scope="session")
def git_image(engine: Engine) -> str:
    """The tiny image with a shell and git."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    core = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip())
    shell = Path("/bin").resolve() / "sh"
    tools = [core / "git-remote-http", core / "git-http-fetch", shell, shell.resolve()]
    tools += [Path(shutil.which(name) or name) for name in ("git", "mv", "rm")]
    files = {"/opt/probe_server.py": Path(probe_server.__file__).read_bytes()}
    changes = ["USER 1000:1000", "WORKDIR /home/jovyan", "ENV HOME=/home/jovyan"]
    return build(engine, "plughub-tests-git", [*python_paths(), *tools], files, changes)


@pytest.fixture(scope="session")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the repository ``course.git``, to be served as files."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path_factory.mktemp("repositories")
    make_course(folder)
    return folder


@pytest.fixture
def site(repositories: Path, gateway: str) -> Iterator[str]:
    """Serves the repositories at an address that containers reach."""
    with serving(repositories, gateway) as address:
        yield address


@pytest.fixture(scope="session")
def probe() -> list[str]:
    """The command of the probe server inside the tiny image."""
    return [PYTHON, "/opt/probe_server.py"]


@pytest.fixture(scope="session")
def gateway(engine: Engine) -> str:
    """The address at which containers reach this machine."""
    return gateway_of(engine)


@pytest.fixture
def prefix(engine: Engine) -> Iterator[str]:
    """Prefix of the names of a test's containers and volumes, which are removed at the end."""
    prefix = new_prefix()
    yield prefix
    for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
        engine.remove_container(container["Id"], force=True, v=True)
    for volume in engine.volumes(filters={"name": prefix})["Volumes"] or ():
        engine.remove_volume(volume["Name"])


@pytest.fixture(scope="session")
@starts
def place() -> Iterator[EnginePlace]:
    """A place for engines of the tests: each module starts its own, with the same images."""
    for program in ("dockerd", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    with engine_place() as place:
        yield place


@pytest.fixture(scope="session")
def session_swarm(engine: Engine) -> Iterator[None]:
    """The engine as a swarm of one node; after the tests it is in none if it was in none before."""
    with joined_swarm(engine):
        yield


@pytest.fixture
def swarm(engine: Engine, session_swarm: None) -> Iterator[Engine]:
    """The engine in a swarm, whose node no test of another run changes meanwhile."""
    with alone("swarm-node"):
        yield engine


@pytest.fixture
def swarm_prefix(swarm: Engine, prefix: str) -> Iterator[str]:
    """Prefix of the names of a test's services, networks and volumes, which are removed at the end."""
    yield prefix
    for service in swarm.services(filters={"name": prefix}):
        swarm.remove_service(service["ID"])
    for container in swarm.containers(filters={"name": prefix}):
        with contextlib.suppress(docker.errors.APIError):
            swarm.kill(container["Id"])
    wait_for(lambda: not swarm.containers(all=True, filters={"name": prefix}))


@pytest.fixture
async def spawners(
    tmp_path: Path, prefix: str, tiny_image: str, probe: list[str]
) -> AsyncIterator[Callable[..., SpawnerUnderTest]]:
    """Factory of spawners with settings; what they started is removed."""
    from plughub_docker.spawner import DockerSpawner

    pools = ThreadPools()

    def make(
        *arguments: str,
        server: Server | None = None,
        username: str = "alice",
        name: str = "",
        **settings: Any,
    ) -> SpawnerUnderTest:
        def plugin(*more: str) -> SpawnerHooks:
            chosen = {
                "image": tiny_image,
                "cmd": [*probe, *arguments, *more],
                "remove": True,
                "prefix": prefix,
            }
            return SpawnerHooks(
                NAME, DockerSpawner, Config({"DockerSpawner": {**chosen, **settings}}), tmp_path
            )

        return SpawnerUnderTest(plugin, server or make_server(username, name), pools)

    yield make
    pools.close()


@pytest.fixture
@starts
async def page() -> AsyncIterator[Page]:
    """A page of a real browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=steady_chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield await browser.new_page()
        await browser.close()


@pytest.fixture
def chance() -> random.Random:
    """Source of random moments; PLUGHUB_SEED repeats those of a run that failed."""
    seed = int(os.environ.get("PLUGHUB_SEED") or secrets.randbelow(10**6))
    print(f"PLUGHUB_SEED={seed}")  # noqa: T201 - shown when the test fails
    return random.Random(seed)
