"""Config files that name backends by JupyterHub's, DockerSpawner's or the public names, or as a class."""

import pytest
from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.plugins import PluginChooser
from plughub.app.upstream_names import UPSTREAM_NAMES, plugin_instead
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Store

DOTTED = [
    (kind, dotted, plugin)
    for dotted, by_kind in UPSTREAM_NAMES.items()
    if "." in dotted
    for kind, plugin in by_kind.items()
]
IMPORTED = [
    ("authenticator", "jupyterhub.auth", "DummyAuthenticator", "dummy"),
    ("authenticator", "jupyterhub.auth", "NullAuthenticator", "null"),
    ("authenticator", "jupyterhub.auth", "PAMAuthenticator", "pam"),
    ("spawner", "jupyterhub.spawner", "LocalProcessSpawner", "localprocess"),
    ("spawner", "jupyterhub.spawner", "SimpleLocalProcessSpawner", "simple"),
    ("proxy", "jupyterhub.proxy", "ConfigurableHTTPProxy", "chp"),
    ("authenticator", "plughub.auth", "PAMAuthenticator", "pam"),
    ("authenticator", "plughub.auth", "DummyAuthenticator", "dummy"),
    ("spawner", "plughub.spawner", "LocalProcessSpawner", "localprocess"),
    ("spawner", "plughub.spawner", "SimpleLocalProcessSpawner", "simple"),
    ("spawner", "plughub_localprocess.spawner", "LocalProcessSpawner", "localprocess"),
    ("proxy", "plughub.proxy", "ConfigurableHTTPProxy", "chp"),
]
NAMED = [
    ("authenticator", "null", "null"),
    ("authenticator", "shared-password", "shared-password"),
    ("authenticator", "jupyterhub.authenticators.shared.SharedPasswordAuthenticator", "shared-password"),
    ("spawner", "docker-swarm", "swarm"),
    ("spawner", "dockerspawner.SystemUserSpawner", "system-user"),
    ("authenticator", "plughub.auth.PAMAuthenticator", "pam"),
    ("authenticator", "plughub.auth.DummyAuthenticator", "dummy"),
    ("spawner", "plughub.spawner.LocalProcessSpawner", "localprocess"),
    ("spawner", "plughub.spawner.SimpleLocalProcessSpawner", "simple"),
    ("spawner", "plughub_localprocess.simple_spawner.SimpleLocalProcessSpawner", "simple"),
    ("proxy", "plughub.proxy.ConfigurableHTTPProxy", "chp"),
]


@pytest.fixture
def plugins_of(hub, tmp_path):
    """Return the plugins that a config file chooses, as a command that needs another one lists them."""
    prepare_schema(f"sqlite:///{tmp_path}/jupyterhub.sqlite")

    def plugins_of(config):
        (tmp_path / "chosen.py").write_text(config)
        arguments = ["-f", "chosen.py", "link", "alice"]
        if "authenticator_class" not in config:
            arguments.append("--JupyterHub.authenticator_class=dummy")
        _, _, complaint = hub(*arguments)
        head, _, names = complaint.splitlines()[0].partition("active plugins: ")
        assert head == "hub: one-time login links are not active; ", complaint
        return names.split(", ")

    return plugins_of


@pytest.mark.parametrize(("kind", "dotted", "plugin"), DOTTED)
def test_a_class_is_known_by_its_module_and_name(kind, dotted, plugin):
    module, _, name = dotted.rpartition(".")
    cls = type(name, (), {"__module__": module})
    assert plugin_instead(kind, cls) == plugin_instead(kind, dotted) == plugin
    subclass = type("Heir", (cls,), {"__module__": "site_rules"})
    assert plugin_instead(kind, subclass) is subclass


@pytest.mark.parametrize(("kind", "module", "name", "plugin"), IMPORTED)
def test_an_imported_class_chooses_the_plugin(plugins_of, kind, module, name, plugin):
    pytest.importorskip(module)
    assert plugin in plugins_of(f"from {module} import {name}\nc.JupyterHub.{kind}_class = {name}\n")


@pytest.mark.parametrize(("kind", "name", "plugin"), NAMED)
def test_a_name_chooses_the_plugin(plugins_of, kind, name, plugin):
    extra = "c.SharedPasswordAuthenticator.user_password = 'for everybody'\n"
    config = f"c.JupyterHub.{kind}_class = {name!r}\n" + (extra if plugin == "shared-password" else "")
    assert plugin in plugins_of(config)


def test_a_class_of_a_plugin_takes_over_what_older_hubs_stored_under_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub = JupyterHub(spawner_class="plughub_localprocess.simple_spawner.SimpleLocalProcessSpawner")
    chooser = PluginChooser(hub, Config(), Store(Database("sqlite:///hub.sqlite")))
    selection = chooser.choose(["dummy"])
    assert selection.default_spawner == "simple"
    assert selection.replacements == {"spawner": ("simple", "SimpleLocalProcessSpawner")}


def test_a_class_that_another_module_exports_is_known_too(plugins_of, tmp_path, monkeypatch):
    pytest.importorskip("jupyterhub")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "passes_on.py").write_text("from jupyterhub.auth import DummyAuthenticator as Ours\n")
    assert "dummy" in plugins_of("c.JupyterHub.authenticator_class = 'passes_on.Ours'\n")
