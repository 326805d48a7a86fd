"""Which classes load, what imports lead to, and what a hub says about classes that need more."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from plughub.testing.quick import starts

NAMES = sorted(
    found.name
    for found in entry_points(group="jupyterhub.authenticators")
    if found.module.startswith("oauth")
)


@starts
def python(text: str, **places: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, because the import hook stays for the life of a process."""
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, **places)  # type: ignore[call-overload]


@starts
def hub(folder, *arguments: str, config: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "jupyterhub_config.py").write_text(config)
    command = [sys.executable, "-m", "plughub", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_every_class_of_oauthenticator_loads():
    assert len(NAMES) > 15
    made = python(
        f"""
from plughub_jupyterhub.plugin import hub_find_class
from plughub.auth import Authenticator
for name in {NAMES!r}:
    cls = hub_find_class("authenticator", name)
    assert issubclass(cls, Authenticator), cls
pages = hub_find_class("authenticator", "github")().get_handlers(None)
assert [path for path, _ in pages] == ["/oauth_login", "/oauth_callback", "/logout"]
assert hub_find_class("authenticator", "unknown") is hub_find_class("proxy", "github") is None
"""
    )
    assert made.returncode == 0, made.stderr


def test_only_some_modules_are_replaced_and_the_others_are_those_of_jupyterhub():
    made = python(
        """
import plughub_jupyterhub
from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.base import BaseHandler as same
from jupyterhub.handlers import static
from jupyterhub.utils import url_path_join
from jupyterhub.services.auth import HubAuth
import plughub.auth, plughub.handlers
assert issubclass(Authenticator, plughub.auth.Authenticator)
assert BaseHandler is same and issubclass(BaseHandler, plughub.handlers.PageHandler)
assert "site-packages/jupyterhub/" in static.__file__
"""
    )
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(
    "name", ["jupyterhub.handlers.pages.HomeHandler", "jupyterhub.auth.NullAuthenticator"]
)
def test_a_name_that_is_not_offered_stops_the_start_and_is_named(tmp_path, name):
    module, _, found = name.rpartition(".")
    checked = hub(
        tmp_path, "--plugins", "jupyterhub,simple", "check", config=f"from {module} import {found}\n"
    )
    assert checked.returncode == 2
    assert f"cannot import name '{found}' from '{module}'" in checked.stderr


def test_a_class_that_needs_more_than_is_offered_is_named(tmp_path):
    site = tmp_path / "site"
    about = site / "toomuch-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toomuch\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[jupyterhub.authenticators]\ntoomuch = toomuch:A\n")
    (site / "toomuch.py").write_text("from jupyterhub.handlers.pages import HomeHandler\n")
    made = python(
        f"""
import sys
sys.path.insert(0, {str(site)!r})
from plughub.cli.main import main
sys.exit(main(["--plugins", "toomuch,simple", "check"]))
"""
    )
    assert made.returncode == 2
    assert "'toomuch' (toomuch:A) cannot be loaded: cannot import name 'HomeHandler'" in made.stderr


def test_classes_that_were_imported_before_the_plugin_are_refused(tmp_path):
    config = "import jupyterhub.auth\nimport plughub_jupyterhub\n"
    checked = hub(tmp_path, "--plugins", "simple,dummy", "check", config=config)
    assert checked.returncode == 2
    assert "jupyterhub.auth was imported before the plugin 'jupyterhub'" in checked.stderr


def test_two_authenticators_with_the_same_pages_are_refused_with_advice(tmp_path):
    config = "c.GitHubOAuthenticator.allow_all = c.GitLabOAuthenticator.allow_all = True\n"
    checked = hub(tmp_path, "--plugins", "github,gitlab,simple", "check", config=config)
    assert checked.returncode == 2
    assert "plugin 'github' and plugin 'gitlab' have the same page /oauth_login" in checked.stderr
    assert "jupyterhub-multiauthenticator" in checked.stderr


def test_a_constructor_that_stores_rows_is_refused_and_creates_no_database(tmp_path):
    config = """
import dbm
with dbm.open("passwords.dbm", "c") as passwords:
    passwords["ada"] = "the password of ada"
c.NativeAuthenticator.allow_all = True
c.NativeAuthenticator.import_from_firstuse = True
"""
    checked = hub(tmp_path, "--plugins", "native,simple", "check", config=config)
    assert checked.returncode == 2
    assert "UserInfo cannot be stored yet: constructors cannot write to the database" in checked.stderr
    assert not (tmp_path / "jupyterhub.sqlite").exists()


def test_the_first_line_of_a_config_file_may_import_the_plugin(tmp_path):
    config = """
import plughub_jupyterhub
from oauthenticator.github import GitHubOAuthenticator
c.JupyterHub.authenticator_class = GitHubOAuthenticator
c.GitHubOAuthenticator.allow_all = True
"""
    checked = hub(tmp_path, "--plugins", "simple", "check", config=config)
    assert checked.returncode == 0, checked.stderr


def test_without_the_plugin_the_message_says_how_to_use_it(tmp_path):
    config = """
from oauthenticator.github import GitHubOAuthenticator
c.JupyterHub.authenticator_class = GitHubOAuthenticator
"""
    checked = hub(tmp_path, "--plugins", "simple", "check", config=config)
    assert checked.returncode == 2
    assert "hub --plugins jupyterhub" in checked.stderr


def test_a_hub_without_the_plugin_imports_nothing_of_jupyterhub(tmp_path):
    made = python(
        """
import sys
from plughub.cli.main import main
assert main(["--plugins", "simple,dummy,haproxy", "check"]) == 0
print(sorted(name for name in sys.modules if name.split(".")[0] == "jupyterhub"))
""",
        cwd=tmp_path,
    )
    assert made.stdout.splitlines()[-1:] == ["[]"], made.stdout + made.stderr


def test_sections_of_wrapped_spawners_that_are_named_as_text_are_read_and_checked(tmp_path):
    config = """
c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
c.ProfilesSpawner.profiles = [("Cluster", "cluster", "batchspawner.SlurmSpawner", {})]
c.SlurmSpawner.req_nprocs = "1"
"""
    checked = hub(tmp_path, "--plugins", "jupyterhub,dummy", "check", config=config)
    assert checked.returncode == 0, checked.stderr
    misspelt = f"{config}c.SlurmSpawner.req_nprosc = '1'\n"
    checked = hub(tmp_path, "--plugins", "jupyterhub,dummy", "check", config=misspelt)
    assert checked.returncode == 2
    assert "c.SlurmSpawner.req_nprosc" in checked.stderr


def test_methods_of_local_classes_precede_those_of_classes_that_are_inherited_besides():
    made = python(
        f"""
import asyncio
from types import SimpleNamespace
from plughub.auth import ForbiddenError
from plughub_jupyterhub.plugin import hub_find_class
from jupyterhub.auth import LocalAuthenticator, PAMAuthenticator
from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner, Spawner

class Remembering(Spawner):
    async def start(self):
        raise AssertionError

for local in (LocalProcessSpawner, SimpleLocalProcessSpawner):
    assert type("Both", (local, Remembering), {{}}).start is not Remembering.start
    assert local.own_event_loop
assert issubclass(PAMAuthenticator, LocalAuthenticator) and PAMAuthenticator.own_event_loop

async def check(cls):
    known = cls(allow_existing_users=True)
    await known.add_user(SimpleNamespace(name="nobody"))
    assert "nobody" in known.allowed_users, "OAuthenticator.add_user was not called"
    try:
        await known.add_user(SimpleNamespace(name="has-no-account"))
    except ForbiddenError:
        return
    raise AssertionError(cls)

for name in [name for name in {NAMES!r} if name.startswith("local-")]:
    cls = hub_find_class("authenticator", name)
    assert cls.own_event_loop
    if name not in ("local-auth0", "local-cilogon"):  # these need settings
        asyncio.run(check(type(cls.__name__, (cls,), {{"is_refused": lambda self, name: False}})))
"""
    )
    assert made.returncode == 0, made.stderr
