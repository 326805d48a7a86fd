"""Unknown settings are graded: mistakes stop the start, settings of inactive classes are named in the log."""

from __future__ import annotations

import logging
from textwrap import dedent
from types import SimpleNamespace

import pytest

from plughub.domain.errors import StartError

HELPERS = """
    from plughub.auth import Authenticator
    from plughub.spawner import SimpleLocalProcessSpawner
    from traitlets import Unicode
    from traitlets.config import Configurable

    class Greeter(Configurable):
        text = Unicode().tag(config=True)

    class Unused(Authenticator):
        pass

    class GreetingSpawner(SimpleLocalProcessSpawner):
        def greet(self):
            return Greeter(config=self.config).text

    c.JupyterHub.spawner_class = GreetingSpawner
"""


def test_settings_of_inactive_plugins_and_other_programs_are_named_in_one_line(planned, caplog):
    planned("c.DockerSpawner.image = 'lab'\nc.ServerApp.token = 'geheim'\nc.LocalAuthenticator.uids = {}\n")
    [line] = [record.getMessage() for record in caplog.records if "not active" in record.getMessage()]
    assert line == (
        "settings of classes that are not active have no effect: c.DockerSpawner (image; of plugin 'docker'), "
        "c.ServerApp (token; of another program), c.LocalAuthenticator (uids; of plugin 'pam')"
    )


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Install a package with a spawner, an authenticator and a proxy for JupyterHub, none of them importable."""
    about = tmp_path / "site" / "slurm_hub-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: slurm-hub\nVersion: 1\n")
    (about / "entry_points.txt").write_text(
        "[jupyterhub.spawners]\nsite-slurm = absent:SiteSlurmSpawner\n"
        "[jupyterhub.authenticators]\nsite = absent:SiteAuthenticator\n"
        "[jupyterhub.proxies]\nsite-file = absent.file:SiteFileProxy\n"
    )
    (tmp_path / "site" / "batchspawner.py").write_text("raise ImportError('it is not imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.usefixtures("slurm")
def test_settings_of_installed_packages_for_jupyterhub_are_named(planned, caplog):
    planned("c.SiteSlurmSpawner.queue = 'x'\nc.SiteAuthenticator.url = 'y'\nc.SiteFileProxy.folder = 'z'\n")
    [line] = [record.getMessage() for record in caplog.records if "not active" in record.getMessage()]
    assert line == (
        "settings of classes that are not active have no effect: c.SiteSlurmSpawner (queue; of package "
        "'slurm-hub'), c.SiteAuthenticator (url; of package 'slurm-hub'), c.SiteFileProxy (folder; of package "
        "'slurm-hub')"
    )
    caplog.clear()
    planned("c.SlurmSpawner.req_partition = 'x'\n")
    assert "c.SlurmSpawner (req_partition; of package 'batchspawner')" in caplog.text
    with pytest.raises(StartError, match="restricts logins, but belongs to package 'slurm-hub'"):
        planned("c.SiteAuthenticator.allowed_users = {'ann'}\n")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("PAMAuthenticator.allowed_users = {'ann'}", "restricts logins, but belongs to plugin 'pam'"),
        ("LocalAuthenticator.group_whitelist = {'staff'}", "restricts logins, but belongs to plugin 'pam'"),
        ("SharedPasswordAuthenticator.allowed_users = {'ann'}", "restricts logins"),
        ("AbsentAuthenticator.allowed_users = {'ann'}", "no active plugin has a class AbsentAuthenticator"),
        ("DummyAuthenticator.allowed_user = {'ann'}", "did you mean c.DummyAuthenticator.allowed_users?"),
        ("Spwaner.cmd = 'x'", "did you mean Spawner?"),
    ],
)
def test_a_lost_restriction_and_an_unknown_name_stop_the_start(planned, setting, said):
    with pytest.raises(StartError) as refused:
        planned(f"c.{setting}")
    assert said in refused.value.message


def test_settings_of_a_helper_class_in_the_config_file_are_known(planned):
    plan = planned(dedent(HELPERS) + "Made = type('Made', (Greeter,), {})\nc.Greeter.text = 'hello'\n")
    [cls] = [cls for cls in plan.selection.classes if cls.__name__ == "GreetingSpawner"]
    assert cls.greet(SimpleNamespace(config=plan.config.config)) == "hello"


def test_settings_of_a_helper_class_in_the_package_of_a_class_are_known(planned, tmp_path, monkeypatch):
    package = tmp_path / "greeting_package"
    package.mkdir()
    helper, backend = dedent(HELPERS).partition("class GreetingSpawner")[::2]
    (package / "__init__.py").write_text("from greeting_package.backend import GreetingSpawner\n")
    (package / "helpers.py").write_text(helper)
    imports = "from greeting_package.helpers import *\nclass GreetingSpawner"
    (package / "backend.py").write_text(imports + backend.partition("c.JupyterHub")[0])
    monkeypatch.syspath_prepend(tmp_path)
    named = "c.JupyterHub.spawner_class = 'greeting_package.GreetingSpawner'\n"
    planned(named + "c.Greeter.text = 'hello'\n")
    with pytest.raises(StartError, match=r"did you mean c\.Greeter\.text"):
        planned(named + "c.Greeter.txet = 'hello'\n")


def test_an_authenticator_beside_an_active_class_is_not_a_helper(planned):
    with pytest.raises(StartError, match="no active plugin has a class Unused"):
        planned(dedent(HELPERS) + "c.Unused.allowed_users = {'ann'}\n")


@pytest.mark.parametrize(
    ("setting", "plugins", "proxy"),
    [
        ("ConfigurableHTTPProxy.debug = True", ("simple", "dummy"), "chp"),
        ("JupyterHub.debug_proxy = True", ("simple", "dummy"), "chp"),
        ("Spawner.debug = True", ("simple", "dummy"), "haproxy"),
        ("ConfigurableHTTPProxy.debug = True", ("simple", "dummy", "haproxy"), "haproxy"),
    ],
)
def test_settings_of_the_node_proxy_choose_it_unless_a_proxy_is_named(
    planned, caplog, setting, plugins, proxy
):
    with caplog.at_level(logging.INFO, "plughub"):
        plan = planned(f"c.{setting}", *plugins)
    assert plan.selection.proxy == proxy
    assert ("the default proxy is chp" in caplog.text) == (proxy == "chp")
