"""The specification's examples and exercises for containers, on one hub each: imports and paths differ only."""

import json
import urllib.parse
import urllib.request

import pytest

from plughub.testing.client import client_of
from plughub.testing.conditions import wait_for
from plughub.testing.forms import FormClient
from plughub.testing.hub import HubProcess
from plughub_docker.testing.images import PYTHON

pytestmark = [pytest.mark.docker, pytest.mark.timeout(180)]

EXAMPLE = """
from plughub.spawner import SimpleLocalProcessSpawner as LocalProcessSpawner
import docker
class DockerSpawner(LocalProcessSpawner):
    \"\"\"Example Docker-based spawner\"\"\"
    # Docker configuration
    image: str = 'jupyter/base-notebook'
    remove: bool = True
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.client = docker.from_env()
        self.container = None
    async def start(self):
        \"\"\"Start server in Docker container\"\"\"
        # Docker container startup logic
        self.container = self.client.containers.run(
            image=self.image,
            command=self.get_args(),
            environment=self.get_env(),
            ports={'8888/tcp': None},
            detach=True,
            remove=self.remove,
            name=f'jupyter-{self.user.name}-{self.name}'
        )
        # Get container port mapping
        port_info = self.container.attrs['NetworkSettings']['Ports']['8888/tcp'][0]
        return (self.ip, int(port_info['HostPort']))
    async def stop(self, now=False):
        \"\"\"Stop Docker container\"\"\"
        if self.container:
            self.container.stop()
            self.container = None
    async def poll(self):
        \"\"\"Poll container status\"\"\"
        if not self.container:
            return 1
        self.container.reload()
        status = self.container.status
        if status == 'running':
            return None
        else:
            return 1
# Register the spawner
c.JupyterHub.spawner_class = DockerSpawner
c.DockerSpawner.image = {image!r}

# what the example takes for granted: the library reads the ports after the start, and containers listen on 8888
from docker.models.containers import ContainerCollection
run = ContainerCollection.run
def run_and_reload(self, *args, **kwargs):
    container = run(self, *args, **kwargs)
    container.reload()
    return container
ContainerCollection.run = run_and_reload
c.Spawner.ip, c.Spawner.port = "0.0.0.0", 8888
c.Spawner.args = {probe!r}
c.Authenticator.allow_all = True
"""

EXERCISES = {
    "ImageSpawner": '''
class ImageSpawner(DockerSpawner):
    """The exercise: users specify by a form which image to use."""

    @default("options_form")
    def _options_form(self):
        options = "".join(f"<option>{image}</option>" for image in IMAGES)
        return f'<label for="image">Image</label><select name="image">{options}</select>'

    def options_from_form(self, formdata):
        return {"image": formdata["image"][0]}

    @gen.coroutine
    def start(self):
        image = self.user_options.get("image", IMAGES[0])
        if image not in IMAGES:
            raise ValueError(f"there is no image {image}")
        place = yield super().start(image=image, extra_host_config={"cap_drop": ["ALL"]})
        found = yield self.get_container()
        again = yield from self.get_ip_and_port()
        listed = yield self.docker("containers", filters={"id": self.container_id})
        assert found["Id"] == self.container_id == listed[0]["Id"] == self.client.inspect_container(found["Id"])["Id"]
        return again if again == tuple(place) else None
''',
    "BinderSpawner": '''
class BinderSpawner(DockerSpawner):
    """The exercise for extra credit: users specify a repository to clone before the server starts."""

    options_form = '<label for="repo">Repository</label><input name="repo">'

    def options_from_form(self, formdata):
        return {"repo": formdata.get("repo", [""])[0].strip()}

    @property
    def volume_binds(self):
        return {**super().volume_binds, f"{self.prefix}-work": {"bind": "/scratch", "mode": "rw"}}

    def start(self):
        repo = self.user_options["repo"]
        if not repo.startswith(SITE):
            raise ValueError("this repository is not allowed")
        script = 'git clone "$0" repository && exec "$@"'
        return super().start(
            extra_create_kwargs={"command": ["sh", "-c", script, repo, *self.cmd], "labels": {"repo": repo}},
            extra_start_kwargs={"mem_limit": 2**28},
        )
''',
}
HEADER = """
from tornado import gen
from traitlets import default
from plughub_docker.spawner import DockerSpawner

IMAGES = {images!r}
SITE = {site!r}
"""
SETTINGS = """
c.JupyterHub.spawner_class = {name}
c.DockerSpawner.image = {image!r}
c.DockerSpawner.cmd = {probe!r}
c.DockerSpawner.prefix = {prefix!r}
c.DockerSpawner.remove = True
c.DockerSpawner.stop_timeout = 1
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"ada"}}
c.JupyterHub.allow_named_servers = True
"""


def facts(hub, path):
    with urllib.request.urlopen(f"{hub.url}{path}") as answer:
        return json.loads(answer.read())


def test_the_docker_example_runs_beside_its_setting(tmp_path, engine, prefix, tiny_image, probe):
    assert probe[0] == PYTHON
    config = EXAMPLE.replace("{image!r}", repr(tiny_image)).replace("{probe!r}", repr(probe))
    with HubProcess(tmp_path, "--plugins", "dummy,haproxy", config=config) as hub:
        user = client_of(hub, prefix)
        name = f"jupyter-{prefix}-"
        try:
            started = user("POST", f"/users/{prefix}/server", {})
            assert started.status == 201, (started.body, hub.output)
            assert facts(hub, f"user/{prefix}/")["environment"]["JUPYTERHUB_USER"] == prefix
            assert engine.inspect_container(name)["Config"]["Image"] == tiny_image
            assert "DockerSpawner.start launches no process of this spawner" in hub.stderr
            assert user("DELETE", f"/users/{prefix}/server").status in {202, 204}
            user.until(f"/users/{prefix}", lambda model: not model["servers"] and not model["pending"])
            wait_for(lambda: not engine.containers(all=True, filters={"name": name}))
        finally:
            for left in engine.containers(all=True, filters={"name": name}):
                engine.remove_container(left["Id"], force=True)


@pytest.fixture
def run(tmp_path, prefix, tiny_image, git_image, probe, site):
    """Runs a hub with one exercise in its config file, beside the plain plugin."""

    def run(name, image):
        header = HEADER.format(images=[tiny_image, git_image], site=site)
        settings = SETTINGS.format(name=name, image=image, probe=probe, prefix=prefix)
        config = header + EXERCISES[name] + settings
        return HubProcess(tmp_path, "--plugins", "docker,dummy,haproxy", config=config)

    return run


def test_the_class_takes_the_place_of_the_plain_spawner_and_passes_the_chosen_image(
    run, engine, prefix, tiny_image, git_image
):
    with run("ImageSpawner", "none") as hub:
        call, browser = client_of(hub, "ada"), FormClient(hub.url)
        browser.submit("hub/login", username="ada", password="")
        form = browser.get("hub/spawn/ada")
        assert "Where should the server run?" not in form, "the plain plugin would bypass the class"
        assert f"<option>{git_image}</option>" in form
        browser.submit("hub/spawn/ada", image=git_image)
        call.until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
        container = engine.inspect_container(f"{prefix}-ada")
        assert (container["Config"]["Image"], container["HostConfig"]["CapDrop"]) == (git_image, ["ALL"])
        assert facts(hub, "user/ada/")["environment"]["JUPYTERHUB_USER"] == "ada"
        refused = call("POST", "/users/ada/servers/x", {"user_options": {"image": "evil"}})
        assert refused.status >= 400
        assert not engine.containers(all=True, filters={"name": f"{prefix}-ada--x"})
        unknown = call("POST", "/users/ada/servers/x", {"user_options": {}, "backend": "ImageSpawner"})
        assert unknown.status == 400


def test_a_repository_is_cloned_by_a_command_of_the_class(run, engine, prefix, git_image, probe, site):
    with run("BinderSpawner", git_image) as hub:
        call, browser = client_of(hub, "ada"), FormClient(hub.url)
        browser.submit("hub/login", username="ada", password="")
        browser.submit("hub/spawn/ada", repo=f"{site}/course.git")
        call.until("/users/ada", lambda user: user["servers"].get("", {}).get("ready"))
        container = engine.inspect_container(f"{prefix}-ada")
        assert container["HostConfig"]["Memory"] == 2**28
        assert container["Config"]["Labels"]["repo"] == f"{site}/course.git"
        assert f"{prefix}-work:/scratch:rw" in container["HostConfig"]["Binds"]
        made = engine.exec_create(
            container["Id"], [probe[0], "-c", "print(open('repository/lesson.txt').read())"]
        )
        assert engine.exec_start(made["Id"]).strip() == b"lesson one"
        refused = call("POST", "/users/ada/servers/x", {"user_options": {"repo": "https://elsewhere/x"}})
        assert refused.status >= 400
