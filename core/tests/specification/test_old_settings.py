"""Old names of settings still work; settings without effect cause one warning for all of them."""

from __future__ import annotations

import logging

import pytest
from traitlets import TraitError
from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.auth import Authenticator, LocalAuthenticator
from plughub_chp import ConfigurableHTTPProxy

CHP = ("simple", "dummy", "chp")


def proxy_of(plan):
    return ConfigurableHTTPProxy(config=plan.config.config)


def test_the_old_setting_for_admins_makes_admins(planned, caplog):
    plan = planned("c.JupyterHub.admin_users = {'Ann'}")
    assert plan.selection.authenticators["dummy"].admin_users == {"ann"}
    assert "c.JupyterHub.admin_users is deprecated: set c.Authenticator.admin_users" in caplog.text


def test_the_current_setting_for_admins_takes_precedence(planned, caplog):
    plan = planned("c.Authenticator.admin_users = {'ann'}\nc.JupyterHub.admin_users.add('bob')")
    assert plan.selection.authenticators["dummy"].admin_users == {"ann"}
    assert "c.JupyterHub.admin_users is ignored: c.Authenticator.admin_users is set" in caplog.text


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("proxy_cmd = 'true --flag'", "command", ["true", "--flag"]),
        ("proxy_auth_token = 'secret-of-both'", "auth_token", "secret-of-both"),
        ("proxy_check_interval = 7", "check_running_interval", 7),
        ("debug_proxy = True", "debug", True),
        ("proxy_api_port = 9001", "api_url", "http://127.0.0.1:9001"),
        ("proxy_api_ip = '10.0.0.1'\nc.JupyterHub.port = 80", "api_url", "http://10.0.0.1:81"),
        ("proxy_api_ip = '::1'\nc.JupyterHub.proxy_api_port = 9001", "api_url", "http://[::1]:9001"),
    ],
)
def test_old_settings_of_the_proxy_configure_it(planned, setting, name, value):
    plan = planned(f"c.JupyterHub.{setting}\n", *CHP)
    assert getattr(proxy_of(plan), name) == value


def test_an_old_setting_of_the_proxy_does_not_override_the_current_one(planned, caplog):
    plan = planned(
        "c.JupyterHub.proxy_api_port = 9001\nc.ConfigurableHTTPProxy.api_url = 'http://h:1'\n", *CHP
    )
    assert proxy_of(plan).api_url == "http://h:1"
    assert "c.JupyterHub.proxy_api_port is ignored" in caplog.text


def test_without_the_plugin_old_settings_of_the_proxy_cause_a_warning(planned, caplog, monkeypatch):
    monkeypatch.setattr("plughub.app.old_names.installed_plugins", dict)
    planned("c.JupyterHub.proxy_auth_token = 'secret-of-both'")
    assert "c.JupyterHub.proxy_auth_token has no effect: the plugin chp is not installed" in caplog.text
    assert "secret-of-both" not in caplog.text


def test_an_old_name_with_a_value_of_the_wrong_type_is_refused(planned):
    with pytest.raises(TraitError, match="admin_users"):
        planned("c.JupyterHub.admin_users = 3")


def test_the_old_port_for_connections_is_part_of_the_url():
    assert addresses(JupyterHub(hub_connect_port=9)).connect_url == "http://127.0.0.1:9"
    assert addresses(JupyterHub(hub_connect_port=9, hub_connect_url="http://h:8")).connect_url == "http://h:8"


@pytest.mark.parametrize(
    ("cls", "old", "current"),
    [
        (Authenticator, "whitelist", "allowed_users"),
        (LocalAuthenticator, "whitelist", "allowed_users"),
        (LocalAuthenticator, "group_whitelist", "allowed_groups"),
    ],
)
def test_an_allow_list_with_its_old_name_is_in_force(cls, old, current):
    for section in ("Authenticator", cls.__name__) if old == "whitelist" else (cls.__name__,):
        config = Config({section: {old: {"ann"}}})
        assert getattr(cls(config=config), current) == {"ann"}
        both = Config({section: {old: {"ann"}, current: {"ann"}}})
        assert getattr(cls(config=both), current) == {"ann"}


@pytest.mark.parametrize(
    ("old", "current"), [("whitelist", "allowed_users"), ("group_whitelist", "allowed_groups")]
)
def test_two_different_allow_lists_are_refused_and_none_of_them_is_lost(old, current):
    config = Config({"LocalAuthenticator": {old: {"ann"}, current: {"bob"}}})
    with pytest.raises(TraitError, match=f"is an old name of c.LocalAuthenticator.{current}; set only"):
        LocalAuthenticator(config=config)


def test_the_old_list_of_blocked_users_is_in_force(planned, caplog):
    plan = planned("c.Authenticator.allow_all = True\nc.Authenticator.blacklist = {'Eve'}")
    assert plan.selection.authenticators["dummy"].blocked_users == {"eve"}
    assert "c.Authenticator.blacklist is deprecated: set c.Authenticator.blocked_users" in caplog.text
    with pytest.raises(TraitError, match=r"is an old name of c\.Authenticator\.blocked_users; set only"):
        Authenticator(config=Config({"Authenticator": {"blacklist": {"eve"}, "blocked_users": {"bob"}}}))


@pytest.mark.parametrize(
    ("given", "db_url"),
    [
        ("/srv/hub/jupyterhub.sqlite", "sqlite:////srv/hub/jupyterhub.sqlite"),
        ("hub.sqlite", "sqlite:///hub.sqlite"),
        ("data/hub", "sqlite:///data/hub"),
        ("sqlite:///hub.sqlite", "sqlite:///hub.sqlite"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_path_is_that_of_a_sqlite_file(given, db_url):
    assert JupyterHub(db_url=given).db_url == db_url


def test_a_user_who_is_not_in_the_old_allow_list_is_refused(planned, caplog):
    plan = planned("c.Authenticator.whitelist = {'Ann'}")
    dummy = plan.selection.authenticators["dummy"]
    assert dummy.check_allowed("ann")
    assert not dummy.check_allowed("bob")
    assert "c.Authenticator.whitelist is deprecated: set c.Authenticator.allowed_users" in caplog.text


def test_the_section_application_sets_the_log_level():
    assert JupyterHub(config=Config({"Application": {"log_level": "DEBUG"}})).log_level == "DEBUG"
    both = Config({"Application": {"log_level": "DEBUG"}, "JupyterHub": {"log_level": "ERROR"}})
    assert JupyterHub(config=both).log_level == "ERROR"


def test_settings_without_effect_cause_one_warning_for_all_of_them(planned, caplog):
    planned(
        "c.JupyterHub.confirm_no_ssl = c.JupyterHub.generate_config = True\n"
        "c.JupyterHub.config_file = 'x.py'\nc.ConfigurableHTTPProxy.command_umask = 0\n"
        "c.JupyterHubHTTPClient.session_options = {}\nc.Application.log_level = 20\n",
        *CHP,
    )
    [line] = [record.getMessage() for record in caplog.records if "without effect" in record.getMessage()]
    assert line.endswith(
        "c.JupyterHub.config_file, c.JupyterHub.confirm_no_ssl, "
        "c.JupyterHub.generate_config, c.ConfigurableHTTPProxy.command_umask, "
        "c.JupyterHubHTTPClient.session_options"
    )


def test_statements_are_logged_without_their_parameters(planned, caplog):
    with caplog.at_level(logging.INFO, "plughub"):
        plan = planned("c.JupyterHub.debug_db = True")
        plan.store.database.run(lambda connection: connection.exec_driver_sql("SELECT ?", ("geheim",)))
    assert "SELECT ?" in caplog.text
    assert "geheim" not in caplog.text


def test_statements_are_not_logged_by_default(planned, caplog):
    planned("")
    assert "SELECT" not in caplog.text
