from getpass import getuser

import pytest
from traitlets.config import Config

from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.testing.contracts.spawner import NAME, SpawnerContract
from plughub_localprocess.simple_spawner import SimpleLocalProcessSpawner
from plughub_localprocess.spawner import LocalProcessSpawner


class TestLocalProcess(SpawnerContract):
    measures_usage = True

    @pytest.fixture
    def make_plugin(self, tmp_path, probe_server):
        def make(*arguments):
            config = Config(
                LocalProcessSpawner={"cmd": [*probe_server, *arguments]},
                SystemAccounts={"allowed": {getuser()}},
            )
            return SpawnerHooks(NAME, LocalProcessSpawner, config, tmp_path)

        return make


@pytest.mark.root
class TestLocalProcessAsSystemUser(TestLocalProcess):
    @pytest.fixture
    def username(self, system_user):
        return system_user.pw_name


class TestSimple(SpawnerContract):
    measures_usage = True
    refuses_unknown_users = False

    @pytest.fixture
    def username(self):
        return "alice b@example.org"

    @pytest.fixture
    def make_plugin(self, tmp_path, probe_server):
        def make(*arguments):
            settings = {
                "cmd": [*probe_server, *arguments],
                "home_dir_template": f"{tmp_path}/homes/{{username}}",
            }
            return SpawnerHooks(NAME, SimpleLocalProcessSpawner, Config({"Spawner": settings}), tmp_path)

        return make
