import pytest
from traitlets.config import Config

from plughub.classes.spawner_hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, SpawnerContract
from plughub_docker.spawner import DockerSpawner

pytestmark = pytest.mark.docker


class TestContainersThatAreRemoved(SpawnerContract):
    refuses_unknown_users = False
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

    async def test_a_server_can_be_started_again(self):
        """A kept container has the environment of its first start: see test_keeping.py."""
