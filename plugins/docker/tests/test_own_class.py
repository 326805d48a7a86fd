"""Classes that an administrator derives from DockerSpawner, as for JupyterHub."""

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, SpawnerUnderTest, make_server
from plughub.threads import ThreadPools
from plughub.web.protocol import PROTOCOL_VERSION
from plughub_docker.spawner import DockerSpawner


class FormSpawner(DockerSpawner):
    """Subclass with its own form, whose options set image, variables and arguments."""

    options_form = '<select name="stack"><option>small</option></select> <input name="greeting">'

    def options_from_form(self, formdata):
        return {"stack": formdata["stack"][0], "greeting": formdata.get("greeting", [""])[0]}

    def get_env(self):
        return {**super().get_env(), "GREETING": self.user_options["greeting"]}

    def get_args(self):
        return [*super().get_args(), "--writes=2"]

    async def start(self):
        self.image = self.images[self.user_options["stack"]]  # type: ignore[attr-defined]
        self.extra_host_config = {"cap_drop": ["ALL"]}
        address, port = await super().start()
        self.log.info("listens at %s", port)
        return f"http://{address}:{port}"


@pytest.fixture
async def made(tmp_path, prefix, tiny_image, probe):
    """Factory of such a spawner, with the user's options."""
    pools = ThreadPools()
    chosen = {"image": "none", "cmd": probe, "remove": True, "prefix": prefix, "stop_timeout": 1}
    own = type("Own", (FormSpawner,), {"images": {"small": tiny_image}})

    def make(options):
        hooks = SpawnerHooks(NAME, own, Config({"DockerSpawner": chosen}), tmp_path)
        return SpawnerUnderTest(lambda *_: hooks, make_server("alice", options=options), pools)

    yield make
    pools.close()


@pytest.mark.docker
async def test_a_subclass_reads_its_own_form_and_sets_image_and_arguments(made, engine, tiny_image):
    first = made({})
    assert 'name="stack"' in await first.hooks.options_form(NAME, first.record)
    options = await first.hooks.options_from_form(
        NAME, first.record, {"stack": ["small"], "greeting": ["hi"]}
    )
    assert options == {"stack": "small", "greeting": "hi"}

    spawner = made(options)
    endpoint = await spawner.start()
    facts = await spawner.facts()
    assert (facts["environment"]["GREETING"], facts["argv"][-1]) == ("hi", "--writes=2")
    container = engine.inspect_container(endpoint.state["object_id"])
    assert container["Config"]["Image"] == tiny_image
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    spawner.new_hub()
    assert await spawner.poll() is None
    await spawner.stop()
    assert engine.containers(all=True, filters={"id": container["Id"]}) == []


def test_the_default_image_matches_the_hubs_protocol_version():
    version = ".".join(PROTOCOL_VERSION.split(".")[:2])
    assert DockerSpawner.image.default_value == f"quay.io/jupyterhub/singleuser:{version}"
