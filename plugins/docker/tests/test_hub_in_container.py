"""A hub that itself runs in a container, in one network with its users' containers."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from importlib import import_module
from pathlib import Path

import docker
import pytest

from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.documents import blocks_of, replaced
from plughub.testing.forms import FormClient
from plughub.testing.ports import free_port
from plughub.testing.quick import starts
from plughub_docker.marks import HOST
from plughub_docker.testing.images import build, distribution_paths, python_paths
from plughub_docker.testing.kills import ready

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]
GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "compose.md"
PACKAGES = ("plughub", "plughub_docker", "plughub_dummy", "plughub_haproxy")
HUB = str(Path(sys.prefix, "bin", "hub"))
CONFIG_FILE = "/srv/jupyterhub_config.py"
CONFIG = """
c.JupyterHub.plugins = [{plugin!r}, "dummy", "haproxy"]
c.JupyterHub.ip = "0.0.0.0"
c.JupyterHub.hub_ip = "0.0.0.0"
c.JupyterHub.hub_connect_ip = {hub!r}
c.JupyterHub.lease_seconds = 3
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"alice"}}
c.{spawner}.image = {image!r}
c.{spawner}.cmd = {probe!r}
c.{spawner}.prefix = {prefix!r}
c.{spawner}.network_name = {network!r}
{more}
c.{spawner}.remove = True
c.{spawner}.stop_timeout = 2
c.Spawner.http_timeout = 60
"""


@pytest.fixture(scope="session")
def hub_image(engine):
    """An image with the dependencies of a hub, without its code, which may change between two runs."""
    names = [name.replace("_", "-") for name in PACKAGES]
    paths = [*python_paths(), *distribution_paths(*names, "cryptography"), Path(sys.prefix, "pyvenv.cfg")]
    paths += [Path("/bin/sh"), Path("/bin", Path("/bin/sh").resolve().name)]
    own = [path for path in paths if not {*path.parts} & {*PACKAGES}]
    changes = ["WORKDIR /srv", f'CMD ["{HUB}"]', f"ENV PATH={sys.prefix}/bin"]
    people = b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n"
    files = {"/etc/passwd": people, "/etc/group": b"root:x:0:\nnogroup:x:65534:\n"}
    return build(engine, "plughub-tests-hub", own, files, changes)


class HubContainer:
    """A hub in a container of a network, with the engine's socket, a volume and a settings file."""

    def __init__(self, engine, image, name, network, config):
        self.engine, self.image, self.name, self.port = engine, image, name, free_port()
        binds = ["/var/run/docker.sock:/var/run/docker.sock", f"{name}:/srv", f"{config}:{CONFIG_FILE}:ro"]
        self.host = engine.create_host_config(
            binds=binds, port_bindings={8000: ("127.0.0.1", self.port)}, network_mode=network, init=True
        )

    def __enter__(self):
        made = self.engine.create_container(
            self.image, name=self.name, hostname=self.name, ports=[8000], host_config=self.host
        )
        self.id = made["Id"]
        self.engine.put_archive(self.id, "/", packed())
        self.engine.start(self.id)
        wait_for(lambda: "hub: running at" in self.output or not self.runs, 90)
        assert self.runs, self.output
        return self

    def __exit__(self, *_):
        self.engine.remove_container(self.id, force=True)

    @property
    def runs(self):
        return self.engine.inspect_container(self.id)["State"]["Running"]

    @property
    def output(self):
        return self.engine.logs(self.id).decode(errors="replace")

    def client(self, user):
        made = self.engine.exec_create(self.id, [HUB, "token", user], stderr=False)
        said = self.engine.exec_start(made["Id"]).decode()
        return ApiClient(f"http://127.0.0.1:{self.port}/", said.strip())


def packed():
    """Return an archive of the hub's code and of what is compiled of it, with the same paths as here."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in PACKAGES:
            folder = Path(import_module(name).__file__).parent
            archive.add(folder, str(folder))
    return content.getvalue()


@pytest.fixture(params=["bridge", "overlay"])
def network(request, engine, prefix):
    """A network for the test: of this machine, or of a swarm whose networks accept containers."""
    if request.param == "overlay":
        request.getfixturevalue("swarm")
    name = f"{prefix}-network"
    made = engine.create_network(name, driver=request.param, attachable=request.param == "overlay")
    yield name
    for one in engine.containers(all=True, filters={"name": f"^/{prefix}"}):
        engine.remove_container(one["Id"], force=True, v=True)
    wait_for(lambda: removed(engine, made["Id"]))


def removed(engine, network):
    """Remove a network; its last container leaves it a moment after its end."""
    try:
        engine.remove_network(network)
    except docker.errors.NotFound:
        return True
    except docker.errors.APIError:
        return False
    return True


def servers(engine, prefix):
    return engine.containers(all=True, filters={"name": f"^/{prefix}-alice"})


def check(engine, hub, prefix, probe, known_as=""):
    """Start a server, reach it through the proxy, let it call the hub, replace the hub, stop the server."""
    with hub:
        call = hub.client("alice")
        assert call("POST", "/users/alice/server", {}).status in {201, 202}
        wait_for(lambda: ready(call) == {"alice"}, 90)
        (one,) = servers(engine, prefix)
        assert not any(port.get("PublicPort") for port in one["Ports"])
        assert one["Labels"].get(HOST, "") == known_as
        with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/user/alice/api", timeout=30) as answer:
            assert json.load(answer)["environment"]["JUPYTERHUB_USER"] == "alice"
        made = engine.exec_create(one["Id"], [probe[0], "-c", ASK])
        assert '"alice"' in engine.exec_start(made["Id"]).decode()
    with hub:
        wait_for(lambda: ready(call) == {"alice"}, 90)
        assert [again["Id"] for again in servers(engine, prefix)] == [one["Id"]]
        assert call("DELETE", "/users/alice/server").status in {202, 204}
        call.until("/users/alice", lambda user: not user["servers"], 60)
        wait_for(lambda: servers(engine, prefix) == [])


ASK = (
    "import os, urllib.request as r;"
    "q = r.Request(os.environ['JUPYTERHUB_API_URL'] + '/user',"
    " headers={'Authorization': 'token ' + os.environ['JUPYTERHUB_API_TOKEN']});"
    "print(r.urlopen(q, timeout=10).read().decode())"
)


def write_config(folder, **settings):
    file = folder / "jupyterhub_config.py"
    file.write_text(CONFIG.format(**settings))
    return file


def test_hub_proxy_and_servers_reach_each_other_inside_a_network_of_their_own(
    engine, network, hub_image, tiny_image, probe, prefix, tmp_path
):
    name = f"{prefix}-the-hub"
    by_name = engine.inspect_network(network)["Driver"] == "bridge"
    facts = {"hub": name, "image": tiny_image, "probe": probe, "prefix": prefix, "network": network}
    more = f"c.DockerSpawner.use_internal_hostname = {by_name}"
    config = write_config(tmp_path, plugin="docker", spawner="DockerSpawner", more=more, **facts)
    hub = HubContainer(engine, hub_image, name, network, config)
    check(engine, hub, prefix, probe, f"{prefix}-alice" if by_name else "")


@pytest.mark.parametrize("network", ["overlay"], indirect=True)
def test_hub_and_services_reach_each_other_inside_an_overlay_network(
    engine, network, hub_image, tiny_image, probe, swarm_prefix, tmp_path
):
    name = f"{swarm_prefix}-the-hub"
    facts = {"hub": name, "image": tiny_image, "probe": probe, "prefix": swarm_prefix, "network": network}
    config = write_config(tmp_path, plugin="swarm", spawner="SwarmSpawner", more="", **facts)
    check(engine, HubContainer(engine, hub_image, name, network, config), swarm_prefix, probe)


class Compose:
    """The files of the guide in a folder, with an image that needs no registry and names of the test's own."""

    def __init__(self, folder, prefix, hub_image, image, probe):
        self.folder, self.port, self.blocks = folder, free_port(), blocks_of(GUIDE)
        self.environment = {**os.environ, "COMPOSE_PROJECT_NAME": prefix, "DOCKER_BUILDKIT": "0"}
        network = f"{prefix}-jupyter"
        (folder / "code.tar").write_bytes(packed())
        install = self.blocks["Dockerfile"].partition("WORKDIR")[0]
        dockerfile = {install: f"FROM {hub_image}\nADD code.tar /\n"}
        ipam = "    ipam:\n      config:\n        - subnet: 172.30.0.0/16\n"  # may be in use here
        place = {"127.0.0.1:8000:": f"127.0.0.1:{self.port}:", "name: jupyter": f"name: {network}", ipam: ""}
        image_of_users = {'"quay.io/jupyterhub/singleuser:6.1"': repr(image)}
        names = {'"jupyter"': repr(network), "jupyter-{username}": prefix + "-{username}"}
        self.of_config = image_of_users | names
        self.more = f"c.DockerSpawner.prefix = {prefix!r}\nc.DockerSpawner.cmd = {probe!r}\n"
        self.write("Dockerfile", dockerfile)
        self.write("compose.yaml", place)
        self.write("jupyterhub_config.py", self.of_config, self.more)

    def write_config_of_init(self):
        """Write the config file that ``hub init`` makes; its other two files are those of the guide."""
        (folder := self.folder / "init").mkdir()
        options = ["-y", "--servers=docker", "--service=compose", "--admins=ada"]
        self(sys.executable, "-m", "plughub", "-f", f"{folder}/jupyterhub_config.py", "init", *options)
        for name in ("Dockerfile", "compose.yaml"):
            assert (folder / name).read_text() == self.blocks[name]
        text = replaced((folder / "jupyterhub_config.py").read_text(), self.of_config)
        (self.folder / "jupyterhub_config.py").write_text(text + self.more)

    def write(self, name, values, more=""):
        (self.folder / name).write_text(replaced(self.blocks[name], values) + more)

    def run(self, name):
        command = replaced(self.blocks[name], {"docker compose": "docker-compose"}).split()
        return self("docker-compose", *command[1:]).stdout

    def __call__(self, *command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def serves(self):
        try:
            return (
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/hub/health", timeout=5).close() is None
            )
        except OSError:
            return False

    def client(self, user):
        token = self("docker-compose", "exec", "-T", "hub", "hub", "token", user).stdout.strip()
        return ApiClient(f"http://127.0.0.1:{self.port}/", token)


@pytest.fixture
@starts
def compose(engine, hub_image, tiny_image, probe, prefix, tmp_path):
    if shutil.which("docker-compose") is None:
        pytest.skip("docker-compose is not installed")
    made = Compose(tmp_path, prefix, hub_image, tiny_image, probe)
    yield made
    for one in engine.containers(all=True, filters={"name": f"^/{prefix}-ada"}):
        engine.remove_container(one["Id"], force=True, v=True)
    made("docker-compose", "down", "--volumes", "--rmi", "local")


def test_the_compose_file_of_the_guide_runs_a_hub_whose_servers_outlive_it(compose, engine, prefix):
    """The second hub has the config file that ``hub init`` writes."""
    compose.run("up")
    wait_for(compose.serves, 90)
    link = re.search(r"http\S+", compose.run("link"))[0]
    page = FormClient(f"http://127.0.0.1:{compose.port}/")
    page.get(re.sub(r"^https?://[^/]+/", "", link))

    call = compose.client("ada")
    assert call("GET", "/user").body["admin"]
    call("POST", "/users/ada/server")
    wait_for(lambda: ready(call) == {"ada"}, 90)
    (one,) = engine.containers(filters={"name": f"^/{prefix}-ada"})

    compose.write_config_of_init()
    compose.run("again")
    wait_for(compose.serves, 90)
    wait_for(lambda: ready(call) == {"ada"}, 90)
    assert [again["Id"] for again in engine.containers(filters={"name": f"^/{prefix}-ada"})] == [one["Id"]]
    with urllib.request.urlopen(f"http://127.0.0.1:{compose.port}/user/ada/api", timeout=30) as answer:
        assert json.load(answer)["environment"]["JUPYTERHUB_USER"] == "ada"
