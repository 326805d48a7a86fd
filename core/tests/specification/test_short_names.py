"""Short names of classes, which plugins find, and plugins that are imported before the config file."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from traitlets.config import Config

from plughub.app.named_plugins import import_plugins, plugin_commands
from plughub.domain.errors import StartError
from plughub.testing.quick import starts

ADAPTER = """
import sys
from plughub import hookimpl
from plughub.auth import Authenticator
from plughub.kinds import Command

class GitHub(Authenticator):
    async def authenticate(self, handler, data):
        return None

class Google(GitHub):
    pass

@hookimpl
def hub_find_class(kind, name):
    return {("authenticator", "octo"): GitHub, ("authenticator", "goo"): Google}.get((kind, name))

@hookimpl
def hub_register_commands(config):
    return [Command(name="adapt", help="adapt", run=len)]

sys.modules["offered_by_adapter"] = sys.modules[__name__]
"""


@pytest.fixture(autouse=True)
def installed(tmp_path, monkeypatch):
    """Install another adapter, and a package with short names for JupyterHub."""
    for module in ("found_classes", "plugins"):
        monkeypatch.setattr(f"plughub.app.{module}.ADAPTER", "adapter")
    site = tmp_path / "site"
    for name, points in {
        "plughub-adapter": "[plughub]\nadapter = plughub_adapter\n",
        "octoauth": "[jupyterhub.authenticators]\nadapter = octo:A\nocto = octo:GitHub\ngoo = octo:G\n",
    }.items():
        about = site / f"{name.replace('-', '_')}-17.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 17\n")
        (about / "entry_points.txt").write_text(points)
    (site / "plughub_adapter.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("plughub_adapter", None)
    sys.modules.pop("offered_by_adapter", None)


def test_a_short_name_after_plugins_is_a_class_that_a_plugin_finds(planned):
    plan = planned("", "octo", "goo", "dummy", "simple", "haproxy")
    assert plan.selection.active.owners("authenticator") == ("octo", "goo", "dummy")
    assert type(plan.selection.authenticators["goo"]).__name__ == "Google"
    assert "adapter" in plan.selection.active.names


def test_a_short_name_in_a_setting_is_a_class_that_a_plugin_finds(planned):
    plan = planned("c.JupyterHub.authenticator_class = 'octo'", "simple", "haproxy")
    assert plan.selection.active.owners("authenticator") == ("octo",)
    assert plan.selection.replacements["authenticator"] == ("octo", "GitHub")


def test_settings_of_the_found_class_are_known(planned):
    plan = planned("c.GitHub.allowed_users = {'ada'}", "octo", "simple", "haproxy")
    assert plan.selection.authenticators["octo"].allowed_users == {"ada"}


@pytest.mark.parametrize("names", [("octo", "octo"), ("adapter", "octo", "octo")])
def test_a_short_name_that_is_named_twice_is_refused(planned, names):
    with pytest.raises(StartError, match="'octo' is named twice"):
        planned("", *names, "simple", "haproxy")


def test_a_plugin_that_is_named_after_a_class_that_needs_it_is_not_named_twice(planned):
    plan = planned("", "octo", "adapter", "simple", "haproxy")
    assert plan.selection.active.owners("authenticator") == ("octo",)


@pytest.mark.parametrize("kind", ["spawner", "proxy"])
def test_a_short_name_of_another_kind_is_unknown(planned, kind):
    with pytest.raises(StartError, match="plugin 'octo' is not installed"):
        planned(f"c.JupyterHub.{kind}_class = 'octo'", "dummy", "simple", "haproxy")


@pytest.mark.parametrize("given", ["adapter", "simple,octo", "nowhere,adapter"])
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_plugins_are_imported_before_the_config_file(given, way, monkeypatch):
    monkeypatch.setenv("PLUGHUB_PLUGINS", given if way == "environment" else "simple")
    import_plugins(given if way == "argument" else None)
    assert "offered_by_adapter" in sys.modules


def test_a_plugin_has_its_commands_although_a_class_for_jupyterhub_has_its_name():
    assert list(plugin_commands(Config(), ["adapter", "octo"])) == ["adapt"]


@starts
def check(folder, plugins):
    command = [sys.executable, "-m", "plughub", "--plugins", plugins, "check"]
    env = {**os.environ, "PYTHONPATH": str(folder / "site")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_the_command_line_imports_plugins_before_the_config_file(tmp_path):
    (tmp_path / "jupyterhub_config.py").write_text(
        "from offered_by_adapter import GitHub\nc.JupyterHub.authenticator_class = GitHub\n"
    )
    checked = check(tmp_path, "adapter,simple,haproxy")
    assert checked.returncode == 0, checked.stderr
    checked = check(tmp_path, "simple,haproxy")
    assert checked.returncode == 2
    assert "No module named 'offered_by_adapter'" in checked.stderr
