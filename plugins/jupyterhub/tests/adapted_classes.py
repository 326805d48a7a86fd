"""The contracts of spawners and authenticators, over classes for JupyterHub.

``test_conformance.py`` runs this file in a process of its own, because the import hook of the adapter stays.
Checks that a class does not pass are in its ``exceptions``, each with the reason.
"""

from __future__ import annotations

import os
from getpass import getuser
from pathlib import Path
from typing import ClassVar

import pytest
from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner
from kubespawner import KubeSpawner
from ldapauthenticator import LDAPAuthenticator
from traitlets.config import Config
from wrapspawner import WrapSpawner

from plughub.classes.adapters import adapt_authenticator, adapt_spawner
from plughub.kinds import Login
from plughub.testing.contracts.authenticator import AuthenticatorContract
from plughub.testing.contracts.spawner import NAME, SpawnerContract
from plughub.testing.ports import free_port
from plughub.testing.probe_server import PROBE_SERVER

from .directory import PEOPLE, Directory
from .kubernetes import Cluster


class AdaptedSpawnerContract(SpawnerContract):
    """The contract of spawners for a class, with settings for a command."""

    spawner_class = SimpleLocalProcessSpawner
    refuses_unknown_users = False

    def settings(self, command, folder):
        return {"cmd": command, "home_dir_template": f"{folder}/homes/{{username}}"}

    def class_of_process(self):
        """Return the class as another process of the hub imports it."""
        return self.spawner_class

    @pytest.fixture
    def username(self):
        return "alice b@example.org"

    @pytest.fixture
    def make_plugin(self, tmp_path):
        def make(*arguments):
            settings = self.settings([*PROBE_SERVER, *arguments], tmp_path)
            accounts = {"allowed": {getuser()}}
            config = Config({self.spawner_class.__name__: settings, "SystemAccounts": accounts})
            return adapt_spawner(NAME, self.class_of_process(), config, tmp_path)

        return make


class TestSimpleLocalProcessSpawner(AdaptedSpawnerContract):
    pass


class TestLocalProcessSpawner(AdaptedSpawnerContract):
    spawner_class = LocalProcessSpawner
    refuses_unknown_users = True

    def settings(self, command, folder):
        return {"cmd": command}

    @pytest.fixture
    def username(self):
        return getuser()


class TestWrapSpawner(AdaptedSpawnerContract):
    spawner_class = WrapSpawner
    lists_what_runs = False

    def settings(self, command, folder):
        return {"child_class": SimpleLocalProcessSpawner, "child_config": super().settings(command, folder)}


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as cluster:
        cluster.write_kubeconfig(Path(os.environ["KUBECONFIG"]))  # its client has read the variable
        yield cluster


class TestKubeSpawner(AdaptedSpawnerContract):
    spawner_class = KubeSpawner
    keeps_logs = False
    lists_what_runs = False
    trusts_addresses = "a pod has an address of its own"
    exceptions: ClassVar = dict.fromkeys(
        ("test_a_server_that_ends_by_itself_is_noticed", "test_what_a_dead_server_wrote_can_be_read"),
        "start waits until the pod is ready, and fails after its timeout if the server ends at once",
    )
    by_chance: ClassVar = {
        "test_another_hub_process_notices_an_end": "each process watches the cluster by itself, and notices an "
        "end only after a moment",
    }
    port = free_port()

    def settings(self, command, folder):
        image = "registry.example.org/lab:1"
        return {"cmd": command, "port": self.port, "image": image, "start_timeout": 4}

    def class_of_process(self):
        return type("Own", (KubeSpawner,), {"reflectors": {}})

    @pytest.fixture(autouse=True)
    def _cluster(self, cluster):
        """Run the cluster."""


class WordAuthenticator(Authenticator):
    """Authenticator as config files for JupyterHub have them."""

    async def authenticate(self, handler, data):
        return data["username"] if data == {"username": "ada", "password": "word of ada"} else None


class TestWordAuthenticator(AuthenticatorContract):
    @pytest.fixture
    def plugin(self):
        return adapt_authenticator(NAME, WordAuthenticator, Config())[0]

    @pytest.fixture
    def known(self):
        return Login(username="ada", password="word of ada")


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    with Directory(tmp_path_factory.mktemp("slapd")) as directory:
        yield directory


ODD_PASSWORD = "test_an_odd_password_is_refused_without_an_error[{}]"
LONGER_PASSWORD = "test_the_right_password_with_more_behind_it_is_refused[{}]"


class TestLDAPAuthenticator(AuthenticatorContract):
    exceptions: ClassVar = {
        **dict.fromkeys(
            [ODD_PASSWORD.format(kind) for kind in ("control characters", "NUL", "a lone surrogate")]
            + [LONGER_PASSWORD.format(kind) for kind in ("NUL", "newline")],
            "ldap3 raises an exception for such a password; the login is refused, but not as a wrong one",
        ),
        "test_an_odd_name_makes_no_line_of_its_own_in_the_log": "the class logs the name as it was typed; "
        "the hub passes no name with control characters, and none that is longer than 255",
    }

    @pytest.fixture
    def plugin(self, directory):
        config = {
            "server_address": "127.0.0.1",
            "server_port": directory.port,
            "bind_dn_template": [f"cn={{username}},{PEOPLE}"],
            "allow_all": True,
        }
        return adapt_authenticator(NAME, LDAPAuthenticator, Config({"LDAPAuthenticator": config}))[0]

    @pytest.fixture
    def known(self):
        return Login(username="n1", password="word of ada")
