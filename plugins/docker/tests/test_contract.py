import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, SpawnerContract, make_server
from plughub_docker.spawner import DockerSpawner

pytestmark = pytest.mark.docker


class TestContainersThatAreRemoved(SpawnerContract):
    measures_usage = True
    refuses_unknown_users = False
    trusts_addresses = "ports are published by the engine, networks are its own"
    remove = True

    @pytest.fixture
    def username(self):
        return "alice b@example.org"

    @pytest.fixture
    def make_plugin(self, tmp_path, prefix, tiny_image, probe):
        def make(*arguments):
            settings = {
                "cmd": [*probe, *arguments],
                "image": tiny_image,
                "prefix": prefix,
                "remove": self.remove,
            }
            return SpawnerHooks(NAME, DockerSpawner, Config({"DockerSpawner": settings}), tmp_path)

        return make


class TestContainersThatAreKept(TestContainersThatAreRemoved):
    remove = False

    async def test_a_server_can_be_started_again(self, spawner):
        """The same container runs again, for the new start, with the environment of its first one."""
        await spawner.start()
        first, kept = await spawner.facts(), spawner.server.state
        await spawner.stop()
        again = make_server(spawner.server.user.name, mark=spawner.server.mark, state=kept)
        spawner.server = again

        await spawner.start()

        assert spawner.server.state["object_id"] == kept["object_id"]
        assert (await spawner.facts())["environment"] == first["environment"]
        assert set(await spawner.inventory()) == {again.operation}
