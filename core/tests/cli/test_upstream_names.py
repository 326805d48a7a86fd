"""Config files that name backends of JupyterHub and DockerSpawner, by name or as a class."""

import pytest

from plughub.app.upstream_names import UPSTREAM_NAMES, plugin_instead
from plughub.storage.schema import prepare_schema

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
]
NAMED = [
    ("authenticator", "null", "null"),
    ("authenticator", "shared-password", "shared-password"),
    ("authenticator", "jupyterhub.authenticators.shared.SharedPasswordAuthenticator", "shared-password"),
    ("spawner", "docker-swarm", "swarm"),
    ("spawner", "dockerspawner.SystemUserSpawner", "system-user"),
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
    heir = type("Heir", (cls,), {"__module__": "site_rules"})
    assert plugin_instead(kind, heir) is heir


@pytest.mark.parametrize(("kind", "module", "name", "plugin"), IMPORTED)
def test_an_imported_class_of_jupyterhub_chooses_the_plugin(plugins_of, kind, module, name, plugin):
    pytest.importorskip(module)
    assert plugin in plugins_of(f"from {module} import {name}\nc.JupyterHub.{kind}_class = {name}\n")


@pytest.mark.parametrize(("kind", "name", "plugin"), NAMED)
def test_a_name_of_jupyterhub_chooses_the_plugin(plugins_of, kind, name, plugin):
    extra = "c.SharedPasswordAuthenticator.user_password = 'for everybody'\n"
    config = f"c.JupyterHub.{kind}_class = {name!r}\n" + (extra if plugin == "shared-password" else "")
    assert plugin in plugins_of(config)


def test_a_class_that_another_module_passes_on_is_known_too(plugins_of, tmp_path, monkeypatch):
    pytest.importorskip("jupyterhub")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "passes_on.py").write_text("from jupyterhub.auth import DummyAuthenticator as Ours\n")
    assert "dummy" in plugins_of("c.JupyterHub.authenticator_class = 'passes_on.Ours'\n")
