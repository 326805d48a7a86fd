"""An engine, and images that are made without a registry."""

import hashlib
import ipaddress
import os
import re
import secrets
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path

import docker
import pytest
from packaging.requirements import Requirement
from traitlets.config import Config

from plughub.classes.spawner_hooks import SpawnerHooks
from plughub.plugin.threads import ThreadPools
from plughub.testing import probe_server, tiny_server
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server

PYTHON = str(Path(sys._base_executable).resolve())
STDLIB = Path(sysconfig.get_path("stdlib"))
NEEDLESS = re.compile(
    r"/(site-packages|dist-packages|test|tests|idlelib|turtledemo|ensurepip|tkinter|config-[^/]+)(/|$)"
)
LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
WORDS = b"root:x:0:0::/root:/bin/sh\njovyan:x:1000:1000::/home/jovyan:/bin/sh\n"


@pytest.fixture(scope="session")
def engine():
    """A client of the engine; skips where none runs."""
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex("/var/run/docker.sock"):
            pytest.skip("no Docker engine runs here that this user may use (/var/run/docker.sock)")
    client = docker.APIClient(version="auto", timeout=60)
    yield client
    client.close()


@pytest.fixture(scope="session")
def tiny_image(engine):
    """An image with Python, the probe server and the tiny server."""
    files = {
        "/opt/probe_server.py": Path(probe_server.__file__).read_bytes(),
        "/opt/tiny_server.py": Path(tiny_server.__file__).read_bytes(),
    }
    return build(engine, "plughub-tests-tiny", python_paths(), files, ["USER 1000:1000"])


@pytest.fixture(scope="session")
def lab_image(engine):
    """An image with jupyterhub-singleuser and JupyterLab, as they are installed here."""
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
def probe():
    """The command of the probe server inside the tiny image."""
    return [PYTHON, "/opt/probe_server.py"]


@pytest.fixture(scope="session")
def gateway(engine):
    """The address at which containers reach this machine."""
    facts = engine.inspect_network("bridge")["IPAM"]["Config"][0]
    return facts.get("Gateway") or str(next(ipaddress.ip_network(facts["Subnet"]).hosts()))


@pytest.fixture
def prefix(engine):
    """Begins the names of a test's containers and volumes, which are removed in the end."""
    prefix = f"phtest{secrets.token_hex(4)}"
    yield prefix
    for container in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
        engine.remove_container(container["Id"], force=True, v=True)
    for volume in engine.volumes(filters={"name": prefix})["Volumes"] or ():
        engine.remove_volume(volume["Name"])


@pytest.fixture
async def spawners(tmp_path, prefix, tiny_image, probe):
    """Makes spawners with settings; what they started is removed."""
    from plughub_docker.spawner import DockerSpawner

    pools = ThreadPools()

    def make(*arguments, server=None, username="alice", name="", **settings):
        def plugin(*more):
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


# ---- making images


def build(client, name, paths, files, changes):
    """Make an image from files of this machine, unless the engine has it already."""
    facts = [PYTHON, sys.version, sys.prefix, changes, sorted(files.items()), sorted(map(str, paths))]
    content = repr(facts).encode() + Path(__file__).read_bytes()
    image = f"{name}:{hashlib.sha256(content).hexdigest()[:12]}"
    if client.images(image):
        return image
    with tempfile.NamedTemporaryFile() as packed:
        with tarfile.open(packed.name, mode="w") as archive:
            pack(archive, paths, files)
        repository, tag = image.split(":")
        client.import_image_from_file(packed.name, repository=repository, tag=tag, changes=changes)
    return image


def pack(archive, paths, files):
    for folder, mode, owner in (("tmp", 0o1777, 0), ("home/jovyan", 0o755, 1000), ("proc", 0o755, 0)):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
        archive.addfile(entry)
    for name in {"python", "python3", Path(PYTHON).name}:
        link = tarfile.TarInfo(str(Path(sys.prefix, "bin", name)))
        link.type, link.linkname = tarfile.SYMTYPE, PYTHON
        archive.addfile(link)
    for name, content in {"/etc/passwd": WORDS, **files}.items():
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            Path(file.name).chmod(0o644)
            archive.add(file.name, name)
    libraries = {library for path in paths if is_binary(path) for library in libraries_of(path)}
    for path in sorted({*map(str, paths), *libraries}):
        archive.add(
            Path(path).resolve() if path in libraries else path, path, recursive=False, filter=by_root
        )


def by_root(entry):
    entry.uid = entry.gid = 0
    entry.mode |= 0o555 if entry.mode & 0o100 or entry.isdir() else 0o444
    return entry


def python_paths():
    """The interpreter and its library."""
    library = [path for path in STDLIB.rglob("*") if path.is_file() and not NEEDLESS.search(str(path))]
    return [Path(PYTHON), *library]


def distribution_paths(*names):
    """The files of distributions and of all that they need."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    files = (Path(one.locate_file(file)).resolve() for one in found.values() for file in one.files or ())
    return [path for path in files if path.is_file() and path.suffix != ".pyc" and "/tests/" not in str(path)]


def is_binary(path):
    return ".so" in path.name or str(path) == PYTHON


def libraries_of(path):
    """The shared libraries that a binary is linked with."""
    said = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return [os.path.normpath(library) for library in LIBRARY.findall(said)]
