"""Engine, image and config file for hubs whose servers run in containers of this machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from plughub.testing import probe_server
from plughub.testing.quick import starts
from plughub_docker.testing.images import PYTHON, build, python_paths
from plughub_docker.testing.shared_engine import gateway_of, new_prefix, remove_leftovers

Engine = Any  # docker.APIClient has no types
Containers = Callable[[], list[Any]]
TOKEN = "5d" * 16


@pytest.fixture(scope="session")
@starts
def engine() -> Iterator[Engine]:
    """Client of the engine of this machine."""
    client = docker.APIClient(version="auto", timeout=60)
    remove_leftovers(client)
    yield client
    client.close()


@pytest.fixture(scope="session")
def probe_image(engine: Engine) -> str:
    """Image with Python and the probe server."""
    files = {"/opt/probe_server.py": Path(probe_server.__file__).read_bytes()}
    return build(engine, "plughub-tests-probe", python_paths(), files, ["USER 1000:1000"])


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Interpreter of an environment like this one without plughub-docker."""
    folder = tmp_path_factory.mktemp("without-docker")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site, programs = folder / "lib" / version / "site-packages", folder / "bin"
    site.mkdir(parents=True)
    programs.mkdir()
    (folder / "pyvenv.cfg").write_text(Path(sys.prefix, "pyvenv.cfg").read_text())
    for source in Path(sys.prefix, "lib", version, "site-packages").iterdir():
        if "plughub_docker" not in source.name:
            (site / source.name).symlink_to(source)
    (programs / "python").symlink_to(Path(sys.executable).resolve())
    return str(programs / "python")


@pytest.fixture
def prefix(engine: Engine) -> Iterator[str]:
    """Prefix of the names of a test's containers, which are removed at the end."""
    prefix = new_prefix()
    yield prefix
    for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
        with contextlib.suppress(docker.errors.APIError):  # the engine may be removing it already
            engine.remove_container(container["Id"], force=True, v=True)


@pytest.fixture
def containers(engine: Engine, prefix: str) -> Containers:
    """Function that lists all containers of the test, running or not."""
    return lambda: list(engine.containers(all=True, filters={"name": f"^/{prefix}"}))


@pytest.fixture
def settings(engine: Engine, probe_image: str, prefix: str) -> str:
    """Settings of DockerSpawner for probe servers, and a service whose token is `TOKEN`."""
    gateway = gateway_of(engine)
    return f"""
c.DockerSpawner.image = {probe_image!r}
c.DockerSpawner.cmd = {[PYTHON, "/opt/probe_server.py"]!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.pull_policy = "never"
c.JupyterHub.hub_ip = {gateway!r}
c.JupyterHub.services = [{{"name": "tests", "api_token": "{TOKEN}"}}]
c.JupyterHub.load_roles = [
    {{"name": "tests", "services": ["tests"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
c.DummyAuthenticator.allow_all = True
"""
