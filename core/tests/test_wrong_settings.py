"""Invalid settings are reported with their names and advice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

from plughub.app.addresses import addresses
from plughub.app.class_plugins import plugin_of_class, refuse_upstream, what_to_inherit
from plughub.app.config import JupyterHub
from plughub.app.config_files import load_config
from plughub.app.declarations import declared_of, scopes_of
from plughub.app.plugins import PluginSelection
from plughub.app.startup import proxy_start_error
from plughub.app.unread_settings import warn_of_plain_http
from plughub.domain.errors import InvalidError, PluginError, StartError
from plughub.domain.scopes import ScopeTree
from plughub.plugin.manager import ActivePlugins
from plughub.storage.schema import schema_state


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("load_roles", [{"name": "teacher", "scopes": ["no:such:scope"]}], "no:such:scope"),
        ("load_roles", [{"name": "teacher", "scope": []}], "unknown keys: scope"),
        ("load_groups", {"staff": "bob"}, "must be a list of names"),
        ("services", [{"name": "culler", "comand": ["x"]}], "'comand'"),
        (
            "services",
            [{"name": "culler", "command": ["x"], "user": "nobody-at-all"}],
            "system user not found",
        ),
        ("extra_user_scopes", {"no:such:scope"}, "no:such:scope"),
        ("custom_scopes", {"mine": {"description": "all of it"}}, "custom:"),
    ],
)
def test_an_invalid_role_group_service_or_scope_is_reported_with_its_setting(
    setting: str, value: Any, said: str
) -> None:
    hub = JupyterHub(**{setting: value})
    with pytest.raises(StartError) as refused:
        declared_of(hub, PluginSelection(ActivePlugins()), scopes_of(hub), "/")
    assert refused.value.message.startswith(f"c.JupyterHub.{setting}: ")
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base_url", "/a?b/"),
        ("base_url", "/a/%2e%2e/b/"),
        ("base_url", "/a%2Fb/"),
        ("base_url", "/a\tb/"),
        ("bind_url", "http://127.0.0.1:8000/a%00b/"),
    ],
)
def test_an_invalid_path_is_refused_with_the_name_of_its_setting(setting: str, value: str) -> None:
    with pytest.raises(StartError) as refused:
        addresses(JupyterHub(**{setting: value}))
    assert refused.value.message.startswith(f"c.JupyterHub.{setting}: ")
    assert refused.value.exit_code == 2


def test_every_valid_path_has_one_spelling() -> None:
    for hub in (
        JupyterHub(base_url="/it's 100%/"),
        JupyterHub(base_url="it%27s%20100%25"),
        JupyterHub(bind_url="http://127.0.0.1:8000/it's 100%"),
    ):
        where = addresses(hub)
        assert where.base_url == "/it%27s%20100%25/"
        assert where.api_url.endswith(":8081/it%27s%20100%25/hub/api")


def test_valid_settings_are_accepted() -> None:
    hub = JupyterHub(load_groups={"staff": ["bob"]})
    declared = declared_of(hub, PluginSelection(ActivePlugins()), ScopeTree(), "/")
    assert [group.name for group in declared.groups] == ["staff"]


def test_a_missing_database_driver_is_reported_with_the_tested_ones() -> None:
    with pytest.raises(StartError) as refused:
        schema_state("mysql://hub@127.0.0.1/hub")
    assert "driver" in refused.value.message
    assert "postgresql://" in refused.value.hint
    assert "plughub[postgresql]" not in refused.value.hint


@pytest.mark.parametrize("kind", ["spawner", "authenticator", "proxy"])
def test_a_value_that_is_not_a_class_is_reported_with_its_setting(kind: str) -> None:
    with pytest.raises(StartError) as refused:
        plugin_of_class(kind, 3)
    assert refused.value.message == f"c.JupyterHub.{kind}_class is not a class: 3"
    assert refused.value.exit_code == 2


def test_a_class_of_jupyterhub_is_refused_with_the_base_class_to_use() -> None:
    theirs = type("Authenticator", (), {"__module__": "jupyterhub.auth"})
    hint = what_to_inherit("authenticator", type("OurAuthenticator", (theirs,), {}))
    assert hint.startswith("classes written for JupyterHub need the plugin 'jupyterhub'")
    assert "plughub.auth.Authenticator" in hint
    assert what_to_inherit("spawner", object) == "derive the class from plughub.spawner.Spawner"


def test_a_name_that_a_package_has_for_a_class_of_jupyterhub_is_no_plugin_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "oauthenticator-17.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: oauthenticator\nVersion: 17\n")
    (about / "entry_points.txt").write_text("[jupyterhub.authenticators]\nours = oauthenticator.ours:Ours\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    refuse_upstream("spawner", "ours")
    with pytest.raises(StartError) as refused:
        refuse_upstream("authenticator", "ours")
    assert "'ours' is oauthenticator.ours:Ours, which is written for JupyterHub" in refused.value.message


def test_a_database_file_that_cannot_be_opened_is_reported_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "hub.sqlite").mkdir()
    with pytest.raises(StartError) as refused:
        schema_state(f"sqlite:///{tmp_path}/hub.sqlite")
    assert f"able to write to {tmp_path}" in refused.value.hint


def test_an_unreadable_config_file_is_reported_as_such(tmp_path: Path) -> None:
    (tmp_path / "hub.py").mkdir()
    with pytest.raises(StartError) as refused:
        load_config(str(tmp_path / "hub.py"), {})
    assert refused.value.message.startswith(f"the config file cannot be read: {tmp_path / 'hub.py'}: ")


@pytest.mark.root
@pytest.mark.parametrize("name", ["hub.py", None])
def test_a_config_file_in_a_folder_without_permission_is_reported_as_unreadable(
    tmp_path: Path, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    monkeypatch.chdir(folder)
    os.seteuid(65534)
    try:
        with pytest.raises(StartError) as refused:
            load_config(name and str(folder / name), {})
    finally:
        os.seteuid(0)
    assert "the config file cannot be read: " in refused.value.message
    assert "read permission" in refused.value.hint


@pytest.mark.parametrize("suffix", ["; Path=/", "a b", "ä", "x" * 33])
def test_an_invalid_cookie_suffix_is_refused(suffix: str) -> None:
    with pytest.raises(TraitError, match="cookie_suffix"):
        JupyterHub(cookie_suffix=suffix)
    assert JupyterHub(cookie_suffix="-two_2").cookie_suffix == "-two_2"


@pytest.mark.parametrize(
    ("ip", "settings", "warns"),
    [
        ("127.0.0.1", {}, False),
        ("127.8.0.1", {}, False),
        ("::1", {}, False),
        ("localhost", {}, False),
        ("", {}, True),
        ("0.0.0.0", {}, True),
        ("192.0.2.7", {}, True),
        ("hub.example.org", {}, True),
        ("", {"public_url": "http://hub.example.org/"}, True),
        ("", {"public_url": "https://hub.example.org/"}, False),
        ("", {"ssl_cert": "/etc/hub.crt", "ssl_key": "/etc/hub.key"}, False),
    ],
)
def test_plain_http_for_other_machines_causes_one_warning(
    caplog: pytest.LogCaptureFixture, ip: str, settings: dict[str, str], warns: bool
) -> None:
    warn_of_plain_http(JupyterHub(**settings), ip)
    assert len([line for line in caplog.messages if "plain http" in line]) == warns


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (InvalidError("the host is unknown", hint="correct JupyterHub.hub_connect_url"), "hub_connect_url"),
        (StartError("the port is in use", hint="stop that process"), "stop that process"),
        (OSError("no such device"), "JupyterHub.ip and JupyterHub.port"),
    ],
)
def test_the_hint_of_a_proxy_that_failed_to_start_is_that_of_its_plugin(cause: Exception, hint: str) -> None:
    error = PluginError("haproxy", "hub_proxy_start", str(cause))
    error.__cause__ = cause
    assert hint in proxy_start_error(error).hint
