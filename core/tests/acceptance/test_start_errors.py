"""Errors that prevent a start: an exit code, one clear message, no traceback, and nothing left running."""

import configparser
import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from plughub.domain.errors import MISTAKE, RETRY
from plughub.testing.hub import HubProcess

ENOUGH = ("--plugins", "simple,dummy,haproxy")
CONFIG = "c.Authenticator.allow_all = True\n"
GOOD = "from plughub import hookimpl, kinds\n"
PROXY_WITHOUT_ROUTES = """
import subprocess
from plughub import hookimpl

running = []

@hookimpl
def hub_proxy_start(proxy):
    running.append(subprocess.Popen(["sleep", "600"], start_new_session=True))
    return {"pid": running[0].pid}

@hookimpl
def hub_proxy_stop():
    running[0].kill()
    running[0].wait()

@hookimpl
def hub_route_add(route): ...

@hookimpl
def hub_route_delete(routespec): ...

@hookimpl
def hub_routes():
    raise RuntimeError("the table is lost")
"""

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path) -> Refused:
    """Start a hub that must not start; return its message, and check that it came once and left nothing."""

    def start(
        *arguments: str, config: str = CONFIG, code: int = MISTAKE, env: dict[str, str] | None = None
    ) -> str:
        hub = HubProcess(tmp_path / "hub", *arguments, config=config, env=env)
        try:
            assert hub.run() == code, hub.output
            assert hub.stdout == "", "what went wrong belongs on stderr, and nothing ran"
            assert "Traceback" not in hub.stderr
            message = said_once(hub.stderr)
            hub.assert_nothing_left(timeout=2)
        finally:
            hub.end_everything()
        return message

    return start


def said_once(stderr: str) -> str:
    """Return the only message, with its advice; a list has indented lines."""
    message, *rest = stderr.splitlines()
    assert message.startswith("hub: "), stderr
    hints = [line for line in rest if not line.startswith("  ")]
    assert len(hints) <= 1, stderr
    assert all(line.startswith("hub: ") for line in hints), stderr
    return stderr


@pytest.fixture
def offer(tmp_path) -> Callable[..., dict[str, str]]:
    """Create a distribution on disk that offers a plugin; return the environment that contains it."""

    def make(
        name: str, source: str, requires: str = "plughub>=0.1,<0.2", version: str = "1.2"
    ) -> dict[str, str]:
        site = tmp_path / "site"
        about = site / f"plughub_{name}-{version}.dist-info"
        about.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: plughub-{name}", f"Version: {version}"]
        (about / "METADATA").write_text("\n".join([*lines, f"Requires-Dist: {requires}", ""]))
        (about / "entry_points.txt").write_text(f"[plughub]\n{name} = plughub_{name}\n")
        (site / f"plughub_{name}.py").write_text(source)
        return {"PYTHONPATH": str(site)}

    return make


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# ---- plugins


def test_a_missing_plugin_is_named_with_what_to_install(refused):
    message = refused("--plugins", "simple,dummy,haproxy,nosuch")
    assert "plugin 'nosuch' is not installed" in message
    assert "pip install plughub-nosuch" in message


def test_a_misspelled_plugin_gets_a_did_you_mean(refused):
    assert "did you mean 'haproxy'?" in refused("--plugins", "simple,dummy,haprxy")


def test_a_broken_plugin_is_named_with_distribution_version_and_cause(refused, offer):
    env = offer("broken", "import no_such_module\n")
    message = refused("--plugins", "simple,dummy,haproxy,broken", env=env)
    assert "plugin 'broken' (plughub-broken 1.2) is broken" in message
    assert "No module named 'no_such_module'" in message
    assert "pip install --force-reinstall plughub-broken" in message


def test_a_plugin_for_an_older_hub_is_named_with_what_it_needs(refused, offer):
    env = offer("ancient", GOOD, requires="plughub<0.1")
    message = refused("--plugins", "simple,dummy,haproxy,ancient", env=env)
    assert "plugin 'ancient' (plughub-ancient 1.2) does not fit: it needs plughub <0.1" in message
    assert "pip install --upgrade plughub-ancient" in message


def test_a_broken_plugin_that_is_not_named_has_no_effect(tmp_path, offer):
    env = offer("broken", "import no_such_module\n")
    with HubProcess(tmp_path / "hub", *ENOUGH, config=CONFIG, env=env) as hub:
        assert hub.url


def test_two_proxies_are_refused(refused):
    message = refused("--plugins", "simple,dummy,haproxy,chp")
    assert "two proxies are active: haproxy and chp" in message


def test_a_misspelled_hook_is_refused_with_the_right_one(refused, offer):
    source = f"{GOOD}\n@hookimpl\ndef hub_authorise_spawn(server): ...\n"
    message = refused("--plugins", "simple,dummy,haproxy,veto", env=offer("veto", source))
    assert "plugin 'veto'" in message
    assert "did you mean hub_authorize_spawn?" in message


def test_a_plugin_that_refuses_its_settings_prevents_the_start(refused, offer):
    source = f"{GOOD}\n@hookimpl\ndef hub_configure(context):\n    raise ValueError('the key is missing')\n"
    message = refused("--plugins", "simple,dummy,haproxy,fussy", env=offer("fussy", source))
    assert "plugin 'fussy' failed in hub_configure: the key is missing" in message


def test_a_class_that_cannot_be_imported_is_named_with_its_setting(refused):
    message = refused("--JupyterHub.authenticator_class=nowhere.to.be.Found", *ENOUGH)
    assert "'nowhere.to.be.Found' cannot be imported" in message


def test_a_started_proxy_that_cannot_be_used_is_stopped(refused, offer):
    env = offer("lost", PROXY_WITHOUT_ROUTES)
    message = refused("--plugins", "simple,dummy,lost", env=env)
    assert "the proxy 'lost' forwards the Service-Worker-Allowed header" in message
    assert "c.JupyterHub.allow_worker_scopes = True" in message
    allowed = "--JupyterHub.allow_worker_scopes=True"
    message = refused("--plugins", "simple,dummy,lost", allowed, env=env, code=RETRY)
    assert "the proxy cannot be started: the table is lost (plugin 'lost')" in message


BROKEN = """
import traitlets
from plughub import hookimpl
from plughub.{module} import {kind}


class Broken({kind}):
    size = traitlets.Integer(3).tag(config=True)

    {body}


@hookimpl
def hub_register_{hook}():
    return Broken
"""
BODIES = {
    "a constructor": (
        "def __init__(self, **kwargs):\n        raise KeyError('the key')",
        "KeyError: 'the key'",
    ),
    "a constructor that exits": (
        "def __init__(self, **kwargs):\n        raise SystemExit(7)",
        "SystemExit: 7",
    ),
    "a check": (
        "@traitlets.validate('size')\n    def _check(self, proposal):\n        raise OverflowError('too big')",
        "invalid value for c.Broken.size: too big",
    ),
    "an observer": (
        "@traitlets.observe('size')\n    def _note(self, change):\n        raise OverflowError('too big')",
        "invalid value for c.Broken.size: too big",
    ),
    "a type": ("size = traitlets.Bool().tag(config=True)", "invalid value for c.Broken.size"),
}
KINDS = {
    "spawner": ("spawner", "Spawner", "dummy,haproxy"),
    "authenticator": ("auth", "Authenticator", "simple,haproxy"),
    "proxy": ("proxy", "Proxy", "simple,dummy"),
}


@pytest.mark.parametrize("fault", BODIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_cannot_be_instantiated_is_named_with_its_plugin_and_the_setting(
    refused, offer, kind, fault
):
    (module, base, others), (body, cause) = KINDS[kind], BODIES[fault]
    env = offer("odd", BROKEN.format(module=module, kind=base, hook=kind, body=body))
    config = f"{CONFIG}c.Broken.size = 4\nc.Authenticator.any_allow_config = True\n"
    message = refused("--plugins", f"odd,{others}", config=config, env=env)
    assert "plugin 'odd'" in message
    assert cause in message


ANSWERS = {
    "hub_register_configurables(): return [3]": "hub_register_configurables",
    "hub_register_pages(): return 3": "hub_register_pages",
    "hub_register_pages(): yield 1 / 0": "hub_register_pages",
    "hub_register_templates(): return ['/nowhere']": "hub_register_templates: '/nowhere' is not",
    "hub_register_static(): return '/tmp'": "it must return a list of str, not '/tmp'",
    "hub_register_static(): return ['/']": "hub_register_static: '/' is not",
    "hub_register_pages(): return [kinds.Page(path='/x(', handler=int)]": "'/x(' of a page is not a regular",
    "hub_login_method(): return {'form': True}": "hub_login_method",
    "hub_event(event): ...\n\n1 / 0": "importing",
    "hub_configure(context): raise SystemExit('no')": "hub_configure: SystemExit: no",
}


@pytest.mark.parametrize("source", ANSWERS)
def test_a_listener_that_fails_at_the_start_is_named_with_its_hook(refused, offer, source):
    env = offer("odd", f"{GOOD}\n@hookimpl\ndef {source}\n")
    message = refused("--plugins", "simple,dummy,haproxy,odd", env=env)
    assert "plugin 'odd'" in message
    assert ANSWERS[source] in message


def test_a_class_that_cannot_reach_another_machine_has_the_exit_code_for_a_retry(refused, offer):
    body = "def __init__(self, **kwargs):\n        raise ConnectionRefusedError(111, 'the directory is away')"
    env = offer("odd", BROKEN.format(module="auth", kind="Authenticator", hook="authenticator", body=body))
    message = refused("--plugins", "odd,simple,haproxy", env=env, code=RETRY)
    assert "plugin 'odd' failed in the constructor of Broken: [Errno 111] the directory is away" in message


def test_the_unit_of_systemd_restarts_a_hub_only_where_that_can_help():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(Path(__file__).parents[3] / "docs" / "plughub.service")
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartPreventExitStatus"] == str(MISTAKE)


# ---- addresses


def test_a_public_port_in_use_is_named(refused, taken_port):
    message = refused(*ENOUGH, f"--JupyterHub.port={taken_port}", "--JupyterHub.hub_port=18", code=RETRY)
    assert str(taken_port) in message


def test_a_port_of_the_hub_in_use_is_named_with_the_setting(refused, taken_port):
    message = refused(*ENOUGH, f"--JupyterHub.hub_port={taken_port}", code=RETRY)
    assert f"port {taken_port} is in use" in message
    assert "c.JupyterHub.hub_ip and hub_port" in message


def test_an_invalid_address_is_refused(refused):
    assert "c.JupyterHub.bind_url" in refused(*ENOUGH, "--url=ftp://somewhere")


def test_a_certificate_that_is_missing_is_named(refused):
    arguments = ("--ssl-cert=/nowhere/hub.crt", "--ssl-key=/nowhere/hub.key")
    assert "c.JupyterHub.ssl_cert: file not found: /nowhere/hub.crt" in refused(*ENOUGH, *arguments)


def test_a_pid_file_that_cannot_be_written_is_named_before_anything_starts(refused, tmp_path):
    message = refused(*ENOUGH, f"--pid-file={tmp_path}/nowhere/hub.pid")
    assert f"c.JupyterHub.pid_file: {tmp_path}/nowhere/hub.pid cannot be written" in message


# ---- settings


def test_an_unknown_setting_of_the_config_file_gets_a_did_you_mean(refused):
    message = refused(*ENOUGH, config="c.JupyterHub.concurent_spawn_limit = 3\n")
    assert "c.JupyterHub.concurent_spawn_limit: JupyterHub has no such setting" in message
    assert "did you mean c.JupyterHub.concurrent_spawn_limit?" in message


def test_all_unknown_settings_are_reported_together(refused):
    message = refused(*ENOUGH, config="c.JupyterHub.prot = 3\nc.Spawner.cmdd = []\n")
    assert "c.JupyterHub.prot" in message
    assert "c.Spawner.cmdd" in message


def test_an_unknown_setting_of_the_command_line_gets_a_did_you_mean(refused):
    message = refused(*ENOUGH, "--Spawner.comand=x")
    assert "c.Spawner.comand: Spawner has no such setting" in message


def test_a_section_of_an_inactive_plugin_names_the_plugin(refused):
    message = refused(*ENOUGH, config=f"{CONFIG}c.PAMAuthenticator.allowed_users = {{'ann'}}\n")
    assert "belongs to plugin 'pam', which is not active" in message


def test_settings_for_a_plugin_that_is_not_active_are_refused(refused):
    message = refused(
        *ENOUGH, config=f"{CONFIG}c.JupyterHub.plugin_settings = {{'audti': {{'file': 'x'}}}}\n"
    )
    assert "c.JupyterHub.plugin_settings" in message
    assert "'audti'" in message


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("c.JupyterHub.concurrent_spawn_limit = 'many'", "c.JupyterHub.concurrent_spawn_limit"),
        ("c.JupyterHub.cleanup_servers = 'perhaps'", "c.JupyterHub.cleanup_servers"),
        ("c.JupyterHub.base_url = 3", "c.JupyterHub.base_url"),
        ("c.JupyterHub.log_level = 'loud'", "c.JupyterHub.log_level"),
        ("c.Spawner.start_timeout = 'long'", "c.SimpleLocalProcessSpawner.start_timeout"),
        ("c.Spawner.mem_limit = 'much'", "'much' is not a size for mem_limit"),
        ("c.Authenticator.allowed_users = 3", "c.DummyAuthenticator.allowed_users"),
    ],
)
def test_an_invalid_value_is_refused_with_the_name_of_its_setting(refused, line, named):
    assert named in refused(*ENOUGH, config=f"{CONFIG}{line}\n")


@pytest.mark.parametrize("value", ["eighty", "70000", "-1", "80.5"])
def test_an_invalid_value_on_the_command_line_is_refused_with_the_name_of_its_setting(refused, value):
    assert "invalid value for c.JupyterHub.port" in refused(*ENOUGH, f"--JupyterHub.port={value}")


def test_the_value_of_a_secret_never_appears_in_a_message(refused):
    message = refused(*ENOUGH, config="c.JupyterHub.cookie_secret = 'not bytes but very-secret'\n")
    assert "c.JupyterHub.cookie_secret" in message
    assert "very-secret" not in message


# ---- the config file


def test_a_config_file_that_does_not_exist_is_named(refused, tmp_path):
    assert f"the config file does not exist: {tmp_path}/nowhere.py" in refused("-f", f"{tmp_path}/nowhere.py")


def test_a_syntax_error_in_the_config_file_is_named_with_its_line(refused):
    message = refused(config="c.JupyterHub.port = 8000\nc.JupyterHub.ip = = 3\n")
    assert "jupyterhub_config.py, line 2: SyntaxError" in message


def test_an_exception_in_the_config_file_is_named_with_its_line(refused):
    message = refused(config="import os\n\nc.JupyterHub.port = int(os.environ['NO_SUCH_VARIABLE'])\n")
    assert "jupyterhub_config.py, line 3: KeyError" in message
    assert "NO_SUCH_VARIABLE" in message


# ---- the database


@pytest.mark.postgresql
def test_a_database_that_does_not_answer_is_named_without_its_password(refused, free_port):
    pytest.importorskip("psycopg", reason="psycopg, the driver for PostgreSQL, is not installed")
    url = f"postgresql+psycopg://hub:very-secret@127.0.0.1:{free_port}/hub"
    message = refused(*ENOUGH, "--db", url, code=RETRY)
    assert f"127.0.0.1:{free_port}" in message
    assert "very-secret" not in message
    assert "JupyterHub.db_url" in message


def test_a_database_in_a_folder_that_does_not_exist_is_named(refused, tmp_path):
    message = refused(*ENOUGH, f"--db=sqlite:///{tmp_path}/nowhere/hub.sqlite")
    assert f"the folder of the database does not exist: {tmp_path}/nowhere" in message


def test_a_database_that_cannot_be_written_is_named(refused):
    message = refused(*ENOUGH, "--db=sqlite:////proc/hub.sqlite")
    assert "sqlite:////proc/hub.sqlite" in message
    assert "unable to open database file" in message


def test_a_file_that_is_not_a_database_is_named(refused, tmp_path):
    (tmp_path / "hub.sqlite").write_text("these are no tables, but a text that is long enough to be one" * 20)
    message = refused(*ENOUGH, f"--db=sqlite:///{tmp_path}/hub.sqlite")
    assert "file is not a database" in message


def test_an_invalid_database_url_is_refused_without_its_password(refused):
    message = refused(*ENOUGH, "--db=oracel://hub:very-secret@db/hub")
    assert "JupyterHub.db_url" in message
    assert "very-secret" not in message


def test_a_database_of_jupyterhub_asks_for_the_upgrade(refused, tmp_path):
    with closing(sqlite3.connect(tmp_path / "hub.sqlite")) as database:
        database.executescript(
            "CREATE TABLE alembic_version (version_num VARCHAR(32));"
            "INSERT INTO alembic_version VALUES ('f460b0348206');"
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(255));"
        )
    message = refused(*ENOUGH, f"--db=sqlite:///{tmp_path}/hub.sqlite")
    assert "hub upgrade-db" in message
    with closing(sqlite3.connect(tmp_path / "hub.sqlite")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert sorted(tables) == [("alembic_version",), ("users",)]


# ---- secrets and folders


def test_a_cookie_secret_that_others_can_read_is_refused(refused, tmp_path):
    file = tmp_path / "secret"
    file.write_text("ab" * 32)
    file.chmod(0o644)
    message = refused(*ENOUGH, f"--JupyterHub.cookie_secret_file={file}")
    assert f"chmod 600 {file}" in message
    assert "abab" not in message


def test_an_invalid_cookie_secret_is_refused(refused, tmp_path):
    file = tmp_path / "secret"
    file.write_text("this is not hexadecimal!")
    file.chmod(0o600)
    message = refused(*ENOUGH, f"--JupyterHub.cookie_secret_file={file}")
    assert str(file) in message
    assert "not hexadecimal" not in message


def test_a_runtime_folder_that_cannot_be_made_is_named(refused):
    assert "/proc/nowhere" in refused(*ENOUGH, "--JupyterHub.runtime_dir=/proc/nowhere")


@pytest.mark.parametrize("argument", ["--prot=3", "strat", "--JupyterHub.port"])
def test_an_argument_that_does_not_exist_is_refused(tmp_path, argument):
    hub = HubProcess(tmp_path / "hub", argument)
    assert hub.run() == 2, hub.output
    assert "Traceback" not in hub.stderr
    assert argument.split("=")[0] in hub.stderr


def test_the_environment_of_this_test_reaches_no_hub(monkeypatch, tmp_path):
    monkeypatch.setenv("PLUGHUB_PLUGINS", "nosuch")
    assert "PLUGHUB_PLUGINS" not in HubProcess(tmp_path).env
    assert sys.executable == HubProcess(tmp_path).python
    assert os.environ["PLUGHUB_PLUGINS"] == "nosuch"
