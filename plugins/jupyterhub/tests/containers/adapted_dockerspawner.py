"""The contract of spawners, over dockerspawner's DockerSpawner; ``test_dockerspawner.py`` runs this file."""

from __future__ import annotations

from typing import ClassVar

import pytest
from dockerspawner import DockerSpawner
from traitlets.config import Config

from plughub.classes.adapters import adapt_spawner
from plughub.testing.contracts.spawner import NAME, SpawnerContract
from plughub_docker.testing.images import PYTHON

pytestmark = pytest.mark.docker


class TestDockerSpawner(SpawnerContract):
    refuses_unknown_users = False
    keeps_logs = False
    lists_what_runs = False
    trusts_addresses = "ports are published by the engine"
    knows_exit_codes = False
    exceptions: ClassVar = {
        "test_a_server_can_be_started_again": "a kept container runs with the environment of its first start",
    }

    @pytest.fixture
    def username(self):
        return "alice b@example.org"

    @pytest.fixture
    def make_plugin(self, tmp_path, prefix, probe_image):
        def make(*arguments):
            settings = {
                "cmd": [PYTHON, "/opt/probe_server.py", *arguments],
                "image": probe_image,
                "prefix": prefix,
                "remove": False,  # else ``stop`` returns while the engine removes the container
                "pull_policy": "never",
                # A server that has just started ignores SIGTERM, and the engine waits ten seconds.
                "extra_create_kwargs": {"stop_signal": "SIGKILL"},
            }
            return adapt_spawner(NAME, DockerSpawner, Config({"DockerSpawner": settings}), tmp_path)

        return make
