"""``hub check`` and the options that list settings."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
from pathlib import Path

import pytest
from traitlets import TraitError

from plughub.app.config_files import load_config
from plughub.app.hub_plan import make_plan
from plughub.cli.options import FLAGS, VALUES
from plughub.domain.errors import HubError
from plughub.storage.schema import prepare_schema
from plughub.testing.ports import free_port

GOOD = (
    'c.JupyterHub.plugins = ["dummy", "simple"]\nc.DummyAuthenticator.allow_all = True\n'
    f"c.JupyterHub.port, c.JupyterHub.hub_port = {free_port()}, {free_port()}\n"
)
SHOWN = (
    "JupyterHub.port",
    "Authenticator.admin_users",
    "DummyAuthenticator.password",
    "Spawner.mem_limit",
    "CryptKeeper.keys",
    "EventLog.handlers",
    "PeriodicMetricsCollector.active_users_enabled",
    "HAProxyProxy.command",
)


def written(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir()}


def test_a_check_starts_and_writes_nothing(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(GOOD)
    code, said, complaint = hub("check")
    assert (code, complaint) == (0, "")
    assert said.startswith("the configuration is valid\nplugins: dummy, simple, haproxy\n")
    assert f"{tmp_path}/jupyterhub.sqlite does not exist; the hub creates it" in said
    assert written(tmp_path) == {"jupyterhub_config.py"}


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("c.JupyterHub.prot = 8001", "did you mean c.JupyterHub.port?"),
        ("c.JupyterHub.port = 'many'", "c.JupyterHub.port"),
        ("c.JupyterHub.log_format = '%(nosuch)s'", "c.JupyterHub.log_format"),
        ("c.JupyterHub.load_roles = [{'name': 'tutor', 'scopes': ['no:such']}]", "no:such"),
        ("c.JupyterHub.extra_handlers = [3]", "c.JupyterHub.extra_handlers"),
        ("c.JupyterHub.spawner_class = 'no.such.Spawner'", "no.such.Spawner"),
        ("c.JupyterHub.ssl_cert = 'alone.pem'", "ssl_key"),
        ("c.JupyterHub.pid_file = 'absent/hub.pid'", "c.JupyterHub.pid_file: absent/hub.pid"),
        ("c.JupyterHub.pid_file = '.'", "Is a directory"),
        ("c.JupyterHub.extra_log_file = 'absent/hub.log'", "c.JupyterHub.extra_log_file"),
        ("c.JupyterHub.cookie_secret_file = 'absent/secret'", "c.JupyterHub.cookie_secret_file"),
        ("c.JupyterHub.runtime_dir = 'short/of'", "c.JupyterHub.runtime_dir"),
        ("c.JupyterHub.db_url = 'sqlite:///absent/hub.sqlite'", "the folder of the database does not exist"),
        ("c.JupyterHub.db_url = 'sqlite:///.'", "c.JupyterHub.db_url"),
        ("c.JupyterHub.logging_config = {'handlers': {'x': {'class': 'no.Such'}}}", "logging_config: handler"),
        ("c.JupyterHub.logging_config = {'root': {'handlers': ['absent']}}", "logging_config: the root logger"),
        ("c.JupyterHub.jinja_environment_options = {'autoescape': False}", "jinja_environment_options"),
        ("c.JupyterHub.jinja_environment_options = {'no_such': 1}", "jinja_environment_options"),
        ("c.JupyterHub.api_page_default_limit = 900", "api_page_default_limit"),
        ("c.CryptKeeper.keys = ['short']", "c.CryptKeeper.keys"),
        ("c.DummyAuthenticator.enable_auth_state = True", "JUPYTERHUB_CRYPT_KEY"),
        ("c.JupyterHub.ssl_cert = c.JupyterHub.ssl_key = 'short'", "c.JupyterHub.ssl_cert"),
        ("c.JupyterHub.hub_bind_url = 'http+unix://%2Fno%2Fsuch%2Fs.sock'", "c.JupyterHub.hub_bind_url"),
        ("c.HAProxyProxy.command = 'no-such-program'", "correct c.HAProxyProxy.command"),
        ("c.HAProxyProxy.user = 'nobody-at-all'", "HAProxyProxy.user"),
        ("c.ConfigurableHTTPProxy.command = 'no-such-program'", "install Node"),
        ("c.ConfigurableHTTPProxy.should_start = False", "ConfigurableHTTPProxy.auth_token"),
        ("c.ConfigurableHTTPProxy.api_url = 'nowhere'", "ConfigurableHTTPProxy.api_url"),
        ("c.ConfigurableHTTPProxy.debug = True; c.JupyterHub.servers_url = 'http://a:81'; "  # noqa: ISC004
         "c.JupyterHub.public_url = 'http://a:80'", "cannot listen on a second port"),
        ("c.JupyterHub.internal_ssl = True; c.JupyterHub.internal_certs_location = 'short'", "internal_certs"),
        ("c.JupyterHub.internal_ssl = True; c.JupyterHub.external_ssl_authorities = {'hub-ca': {}}", "hub-ca"),
        ("c.JupyterHub.services = [{'name': 'cull', 'user': 'nobody-at-all', 'command': ['x']}]", "nobody-at-all"),
        ("c.Authenticator.manage_groups = True; c.JupyterHub.load_groups = {'a': ['b']}", "manage_groups"),
        ("c.JupyterHub.cookie_secret_file = 'short'", "cookie secret"),
        ("c.JupyterHub.db_url = 'mysql://localhost/hub'", "mysql"),
        ("c.SimpleLocalProcessSpawner.cmd = 5", "c.SimpleLocalProcessSpawner.cmd"),
        ("c.DummyAuthenticator.passwort = 'x'", "did you mean c.DummyAuthenticator.password?"),
        ("c.JupyterHub.hub_ip = 'no host has spaces'", "c.JupyterHub.hub_ip and hub_port: no process"),
        (f"c.JupyterHub.hub_bind_url = 'http://{'a' * 70}:8081'", "c.JupyterHub.hub_bind_url: no process"),
        ("c.JupyterHub.ip = 'no host has spaces'", "c.JupyterHub.ip and port: no process of this machine"),
        ("c.JupyterHub.bind_url = 'http://a..b:8000'", "c.JupyterHub.bind_url: no process"),
        ("import os; "  # noqa: ISC004
         "c.JupyterHub.hub_bind_url = 'http+unix://' + os.path.abspath('short').replace('/', '%2F')",
         "a file that is no socket has this path"),
        ("raise RuntimeError('early')", "early"),
    ],
)  # fmt: skip
def test_a_check_finds_what_stops_a_start(hub, tmp_path: Path, line: str, named: str) -> None:
    (tmp_path / "short").write_text("not a secret")
    (tmp_path / "short").chmod(0o600)
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD}{line}\n")
    before = written(tmp_path)
    code, said, complaint = hub("check")
    assert (code, said) == (2, "")
    assert named in complaint
    with pytest.raises((HubError, TraitError)):
        make_plan(load_config(None, {}), [])
    assert written(tmp_path) == before


REFUSING = """
from sqlalchemy import create_engine

from plughub import hookimpl
from plughub.errors import StartError
from plughub.spawner import SimpleLocalProcessSpawner

@hookimpl
def hub_configure(context):
    (context.runtime_dir / "limits").write_text(context.mark)
    with create_engine(context.config.JupyterHub.db_url).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE limits (name TEXT)")
    if "limits" not in context.settings:
        raise StartError("JupyterHub.plugin_settings has no limits", hint="add them")

class Limited(SimpleLocalProcessSpawner):
    pass

@hookimpl
def hub_register_spawner():
    return Limited
"""


LIMITS = "c.JupyterHub.plugin_settings = {'limited': {'limits': 1}}\n"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "JupyterHub.plugin_settings has no limits"),
        (LIMITS, ""),
        (f"{LIMITS}c.Limited.server_token_scopes = lambda spawner: []", "server_token_scopes"),
    ],
)
def test_a_check_lets_plugins_check_their_settings(
    hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, named: str
) -> None:
    site = tmp_path / "site"
    about = site / "limited-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: limited\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[plughub]\nlimited = limited_plugin\n")
    (site / "limited_plugin.py").write_text(REFUSING)
    monkeypatch.syspath_prepend(site)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD.replace('simple', 'limited')}{line}\n")
    code, _, complaint = hub("check")
    assert (code, named in complaint) == (2 if named else 0, True)
    assert list(temporary.iterdir()) == []
    assert written(tmp_path) == {"jupyterhub_config.py", "site", "temporary"}


REGISTERED = {
    "hub_register_pages(): return 3": "hub_register_pages: it must return a list of Page",
    "hub_register_pages(): return [kinds.Page(path='/x', handler=int)]": "no class of request handlers",
    "hub_register_templates(): return ['/nowhere']": "hub_register_templates: '/nowhere' is not",
    "hub_register_static(): return ['/']": "hub_register_static: '/' is not",
    "hub_register_commands(config): return [3]": "hub_register_commands: it must return a list of Command",
    "hub_register_configurables(): return [3]": "hub_register_configurables",
    "hub_login_method(): return {'form': True}": "hub_login_method: it must return LoginMethod",
    "hub_spawner_info(): return 3": "hub_spawner_info: it must return SpawnerInfo",
}


@pytest.mark.parametrize("source", REGISTERED)
def test_a_check_finds_mistakes_in_what_plugins_register(
    hub, tmp_path: Path, monkeypatch, source: str
) -> None:
    about = tmp_path / "site" / "odd-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[plughub]\nodd = odd_plugin\n")
    text = f"from plughub import hookimpl, kinds\n@hookimpl\ndef {source}\n"
    (tmp_path / "site" / "odd_plugin.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "odd_plugin", raising=False)
    (tmp_path / "jupyterhub_config.py").write_text(GOOD.replace('"simple"', '"simple", "odd"'))
    code, _, complaint = hub("check")
    assert code == 2
    assert "plugin 'odd'" in complaint
    assert REGISTERED[source] in complaint


def test_a_check_finds_an_address_of_another_machine(hub, tmp_path: Path) -> None:
    line = "c.JupyterHub.hub_ip = c.JupyterHub.ip = '192.0.2.7'"
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD}{line}\n")
    code, said, complaint = hub("check")
    assert (code, said) == (2, "")
    assert "c.JupyterHub.hub_ip and hub_port: no process of this machine can listen on 192.0.2.7" in complaint
    assert "c.JupyterHub.ip and port: no process of this machine can listen on 192.0.2.7" in complaint


def test_a_check_warns_of_a_service_whose_program_is_missing(hub, tmp_path: Path) -> None:
    services = [
        {"name": "cull", "command": ["no-such-program"]},
        {"name": "here", "command": ["./tool"]},
        {"name": "there", "command": ["true"], "cwd": "/no/such/folder"},
        {"name": "elsewhere", "url": "http://127.0.0.1:1"},
    ]
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o700)
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD}c.JupyterHub.services = {services!r}\n")
    code, said, complaint = hub("check")
    assert (code, said.startswith("the configuration is valid")) == (0, True)
    assert complaint.splitlines() == [
        "hub: service 'cull' cannot be started: there is no program 'no-such-program' on the PATH",
        "hub: service 'there' cannot be started: there is no folder /no/such/folder",
    ]


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_check_changes_nothing_in_a_database(hub, tmp_path: Path, mode: str) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(GOOD)
    file = tmp_path / "jupyterhub.sqlite"
    prepare_schema(f"sqlite:///{file}")
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
    before = written(tmp_path), file.read_bytes()
    assert "database: up to date" in hub("check")[1]
    assert (written(tmp_path), file.read_bytes()) == before


def test_a_check_reports_all_mistakes_together(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD}c.JupyterHub.prot = 1\nc.JupyterHub.ip = 3\n")
    complaint = hub("check")[2]
    assert complaint.startswith("hub: the configuration has 2 problems:\n")
    assert complaint.count("problems") == 1
    assert "c.JupyterHub.prot" in complaint
    assert "c.JupyterHub.ip" in complaint


def test_a_check_reports_the_state_of_the_database(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(GOOD)
    (tmp_path / "jupyterhub.sqlite").touch()
    assert "database: empty" in hub("check")[1]
    with sqlite3.connect(tmp_path / "jupyterhub.sqlite") as database:
        database.execute("CREATE TABLE users (id INTEGER)")
    code, _, complaint = hub("check")
    assert code == 2
    assert "hub upgrade-db" in complaint
    assert "the hub upgrades it" in hub("check", "--upgrade-db")[1]


def test_a_generated_file_has_every_setting_with_a_default_that_is_accepted(hub, tmp_path: Path) -> None:
    assert hub("--plugins", "dummy,simple", "--generate-config", "-f", "new.py")[0] == 0
    text = (tmp_path / "new.py").read_text()
    for setting in SHOWN:
        assert f"\n# c.{setting} = " in text
    for leftover in ("consecutive_failure_limit", "JupyterHub.admin_users", "confirm_no_ssl"):
        assert f"{leftover} = " not in text
    assert hub("--plugins", "dummy,simple", "-f", "new.py", "check")[0] == 0
    lines = re.findall(r"^# (c\.JupyterHub\.\w+ = .*)$", text, re.MULTILINE)
    assert len(lines) > 100
    (tmp_path / "new.py").write_text("\n".join(lines))
    given = ("--plugins", "dummy,simple", "--DummyAuthenticator.allow_all=True")
    assert hub(*given, "-f", "new.py", "check")[::2] == (0, "")


def test_an_existing_file_is_replaced_only_on_request(hub, tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "jupyterhub_config.py"
    file.write_text("mine")
    code, _, complaint = hub("--plugins", "dummy,simple", "--generate-config")
    assert (code, file.read_text()) == (2, "mine")
    assert "-y" in complaint
    assert hub("--plugins", "dummy,simple", "--generate-config", "-y")[0] == 0
    assert "c.JupyterHub.port" in file.read_text()


def test_help_covers_the_hub_and_the_active_plugins(hub) -> None:
    code, said, _ = hub("--plugins", "dummy,simple", "--help-all")
    assert code == 0
    for setting in SHOWN:
        assert said.count(f"--{setting}=") == 1


def test_the_configuration_is_shown_without_secrets(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(
        f"""{GOOD}
c.JupyterHub.services = [{{"name": "cull", "api_token": "sesame-1", "environment": {{"PGPASS": "sesame-2"}}}}]
c.JupyterHub.db_url = "postgresql://hub:sesame-3@db/hub"
c.DummyAuthenticator.password = "sesame-4"
c.Spawner.environment.update({{"AUTH": "sesame-5", "LANG": "C"}})
c.Spawner.cmd = ["lab", "--password", "sesame-6"]
c.Spawner.pre_spawn_hook = print
"""
    )
    shown = json.loads(hub("--show-config-json", "--port", "9000")[1])
    assert shown["JupyterHub"]["port"] == 9000
    assert shown["JupyterHub"]["services"][0]["name"] == "cull"
    assert shown["DummyAuthenticator"] == {"allow_all": True, "password": "[secret]"}
    assert "print" in shown["Spawner"]["pre_spawn_hook"]
    text = hub("--show-config")[1]
    assert "c.DummyAuthenticator.allow_all = True\n" in text
    assert "sesame" not in text + json.dumps(shown)


@pytest.mark.parametrize(
    ("option", "settings"),
    [
        (("--ip", "0.0.0.0"), {"ip": "0.0.0.0"}),
        (("--ip=",), {"ip": ""}),
        (("--port=9000",), {"port": 9000}),
        (("--url", "http://:9000/jupyter"), {"bind_url": "http://:9000/jupyter"}),
        (("--base-url", "/jupyter"), {"base_url": "/jupyter"}),
        (("--db=sqlite:///hub.sqlite",), {"db_url": "sqlite:///hub.sqlite"}),
        (("--ssl-key=a", "--ssl-cert=b"), {"ssl_key": "a", "ssl_cert": "b"}),
        (("--log-level=10",), {"log_level": "10"}),
        (("--log-file", "hub.log"), {"extra_log_file": "hub.log"}),
        (("--pid-file", "hub.pid"), {"pid_file": "hub.pid"}),
        (("--debug",), {"log_level": "DEBUG"}),
        (("-y",), {"answer_yes": True}),
        (("--yes",), {"answer_yes": True}),
        (("-y=True",), {"answer_yes": True}),
        (("--ip=a", "-y", "true", "--debug"), {"ip": "a", "answer_yes": True, "log_level": "DEBUG"}),
        (("--ip=a", "-y=False"), {"ip": "a"}),
        (("--upgrade-db",), {"upgrade_db": True}),
        (("--reset-db",), {"reset_db": True}),
        (("--generate-certs",), {"generate_certs": True}),
        (("--no-db",), {"db_url": "sqlite:///:memory:"}),
        (("--no-ssl",), {"confirm_no_ssl": True}),
    ],
    ids=lambda given: given[0] if isinstance(given, tuple) else "",
)
def test_an_option_sets_its_settings(hub, option: tuple[str, ...], settings: dict[str, object]) -> None:
    shown = json.loads(hub("--show-config-json", *option)[1])
    assert {name: value for name, value in shown["JupyterHub"].items() if name != "ssl_key"} == {
        name: value for name, value in settings.items() if name != "ssl_key"
    }


def test_the_help_lists_every_option(hub) -> None:
    said = hub("--help")[1]
    for option in (*VALUES, *FLAGS, "-y", "--help-all", "--generate-config", "--show-config-json"):
        assert option in said
