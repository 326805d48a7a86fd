"""A config file with every setting of the hub that the specification names is accepted as a whole."""

from __future__ import annotations

from typing import Final

import pytest

from plughub.app.config import JupyterHub
from plughub.app.declarations import declared_of, scopes_of

VALUES: Final = {
    "active_server_limit": 3,
    "active_user_window": 900,
    "activity_resolution": 20,
    "admin_access": True,
    "admin_users": {"root"},
    "allow_named_servers": True,
    "answer_yes": True,
    "api_tokens": {"0123456789abcdef": "Ann"},
    "authenticate_prometheus": False,
    "authenticator_class": "dummy",
    "base_url": "/jupyter/",
    "bind_url": "http://127.0.0.1:8000/jupyter/",
    "cleanup_proxy": False,
    "cleanup_servers": False,
    "concurrent_spawn_limit": 5,
    "config_file": "jupyterhub_config.py",
    "confirm_no_ssl": True,
    "cookie_max_age_days": 7,
    "cookie_secret": b"c" * 32,
    "cookie_secret_file": "cookie_secret",
    "data_files_path": ".",
    "db_kwargs": {},
    "db_url": "sqlite:///hub.sqlite",
    "debug_db": False,
    "debug_proxy": True,
    "default_server_name": "main",
    "default_url": "/hub/home",
    "external_ssl_authorities": {},
    "extra_handlers": [("/elsewhere", "tornado.web.RedirectHandler", {"url": "/"})],
    "extra_log_file": "hub.log",
    "extra_log_handlers": [],
    "generate_certs": False,
    "generate_config": False,
    "hub_bind_url": "http://127.0.0.1:8081",
    "hub_connect_ip": "127.0.0.1",
    "hub_connect_port": 8081,
    "hub_connect_url": "http://127.0.0.1:8081",
    "hub_ip": "127.0.0.1",
    "hub_port": 8081,
    "implicit_spawn_seconds": 1.5,
    "init_spawners_timeout": -1,
    "internal_certs_location": "certificates",
    "internal_ssl": False,
    "ip": "",
    "jinja_environment_options": {"extensions": ["jinja2.ext.do"]},
    "last_activity_interval": 300,
    "load_groups": {"class": ["ann"]},
    "log_datefmt": "%Y-%m-%d %H:%M:%S",
    "log_format": "[%(name)s]%(highlevel)s %(message)s",
    "log_level": 30,
    "logo_file": "",
    "named_server_limit_per_user": 2,
    "pid_file": "hub.pid",
    "port": 8000,
    "proxy_api_ip": "127.0.0.1",
    "proxy_api_port": 8002,
    "proxy_auth_token": "of-hub-and-proxy",
    "proxy_check_interval": 30,
    "proxy_class": "configurable-http-proxy",
    "proxy_cmd": ["configurable-http-proxy"],
    "recreate_internal_certs": False,
    "redirect_to_server": False,
    "reset_db": False,
    "service_check_interval": 60,
    "service_tokens": {"fedcba9876543210": "culler"},
    "services": [{"name": "formgrader", "url": "http://127.0.0.1:1234", "api_token": "super-secret"}],
    "shutdown_on_logout": True,
    "spawner_class": "simple",
    "ssl_cert": "",
    "ssl_key": "",
    "statsd_host": "127.0.0.1",
    "statsd_port": 8125,
    "statsd_prefix": "jupyterhub",
    "subdomain_host": "",
    "template_paths": ["."],
    "template_vars": {"announcement": "hello"},
    "tornado_settings": {"slow_spawn_timeout": 3},
    "trust_user_provided_tokens": True,
    "trusted_alt_names": [],
    "trusted_downstream_ips": ["10.0.0.1"],
    "upgrade_db": True,
    "user_redirect_hook": None,
}

OF_OTHER_CLASSES: Final = {
    "Authenticator": {"admin_users": {"root"}, "allowed_users": {"ann"}, "blocked_users": {"eve"}},
    "ConfigurableHTTPProxy": {
        "api_url": "http://127.0.0.1:8002",
        "auth_token": "of-hub-and-proxy",
        "check_running_interval": 5,
        "command": ["configurable-http-proxy"],
        "concurrency": 10,
        "debug": True,
        "extra_routes": {},
        "pid_file": "proxy.pid",
        "should_start": True,
    },
    "LocalProcessSpawner": {
        "shell_cmd": ["/bin/bash", "-l", "-c"],
        "popen_kwargs": {},
        "interrupt_timeout": 10,
    },
    "PAMAuthenticator": {"service": "login", "open_sessions": False, "encoding": "utf8"},
    "Proxy": {"extra_routes": {}, "should_start": True},
    "Spawner": {
        "args": ["--debug"],
        "cmd": ["jupyterhub-singleuser"],
        "debug": True,
        "default_url": "/lab",
        "disable_user_config": True,
        "env_keep": ["PATH"],
        "environment": {"LANG": "C"},
        "http_timeout": 30,
        "ip": "127.0.0.1",
        "mem_guarantee": "1G",
        "mem_limit": "2G",
        "notebook_dir": "~/work",
        "options_form": "<input name='size'>",
        "poll_interval": 30,
        "start_timeout": 60,
    },
}
"""Settings of other classes that the specification names."""


def test_a_config_file_with_every_setting_is_accepted(planned):
    plan = planned(
        "".join(f"c.JupyterHub.{name} = {value!r}\n" for name, value in VALUES.items()), "simple", "dummy"
    )
    hub = plan.config
    assert plan.selection.proxy == "chp"
    declared = declared_of(hub, plan.selection, scopes_of(hub), plan.where.base_url)
    assert (declared.tokens, declared.trust_tokens) == ({"0123456789abcdef": "ann"}, True)
    assert declared.admins["dummy"] == {"root"}


def test_each_of_these_settings_has_a_help_text():
    traits = JupyterHub.class_traits(config=True)
    assert [name for name in VALUES if not traits[name].help] == []


@pytest.mark.parametrize("section", OF_OTHER_CLASSES)
def test_every_setting_of_another_class_is_accepted(planned, caplog, section):
    lines = "".join(f"c.{section}.{name} = {value!r}\n" for name, value in OF_OTHER_CLASSES[section].items())  # type: ignore[attr-defined]
    plan = planned(f"c.Authenticator.allow_all = True\n{lines}", "localprocess", "pam", "chp")
    assert plan.selection.proxy == "chp"
    assert "have no effect" not in caplog.text
