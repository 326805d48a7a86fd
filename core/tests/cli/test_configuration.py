"""``hub check`` and the options that list settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from plughub.cli.options import FLAGS, VALUES

GOOD = 'c.JupyterHub.plugins = ["dummy", "simple"]\nc.DummyAuthenticator.allow_all = True\n'


def written(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir()}


def test_a_check_starts_and_writes_nothing(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(GOOD)
    code, said, complaint = hub("check")
    assert (code, complaint) == (0, "")
    assert said.startswith("the configuration is valid\nplugins: dummy, simple, haproxy")
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
        ("c.JupyterHub.cookie_secret_file = 'short'", "cookie secret"),
        ("c.JupyterHub.db_url = 'mysql://localhost/hub'", "mysql"),
        ("c.SimpleLocalProcessSpawner.cmd = 5", "c.SimpleLocalProcessSpawner.cmd"),
        ("c.DummyAuthenticator.passwort = 'x'", "did you mean c.DummyAuthenticator.password?"),
        ("raise RuntimeError('early')", "early"),
    ],
)
def test_a_check_finds_what_stops_a_start(hub, tmp_path: Path, line: str, named: str) -> None:
    (tmp_path / "short").write_text("not a secret")
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD}{line}\n")
    before = written(tmp_path)
    code, said, complaint = hub("check")
    assert (code, said) == (2, "")
    assert named in complaint
    assert written(tmp_path) == before


def test_a_check_reports_all_mistakes_together(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(f"{GOOD}c.JupyterHub.prot = 1\nc.JupyterHub.ip = 3\n")
    complaint = hub("check")[2]
    assert "2 problems" in complaint
    assert "c.JupyterHub.prot" in complaint
    assert "c.JupyterHub.ip" in complaint


def test_a_check_reports_the_state_of_the_database(hub, tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_text(GOOD)
    (tmp_path / "jupyterhub.sqlite").touch()
    assert "database: empty" in hub("check")[1]
    import sqlite3

    with sqlite3.connect(tmp_path / "jupyterhub.sqlite") as database:
        database.execute("CREATE TABLE users (id INTEGER)")
    code, _, complaint = hub("check")
    assert code == 2
    assert "hub upgrade-db" in complaint
    assert "the hub upgrades it" in hub("check", "--upgrade-db")[1]


def test_a_generated_file_has_every_setting_with_a_default_that_is_accepted(hub, tmp_path: Path) -> None:
    assert hub("--plugins", "dummy,simple", "--generate-config", "-f", "new.py")[0] == 0
    text = (tmp_path / "new.py").read_text()
    for setting in ("JupyterHub.port", "DummyAuthenticator.password", "Spawner.mem_limit"):
        assert f"\n# c.{setting} = " in text
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
    for setting in ("JupyterHub.port", "DummyAuthenticator.password", "Spawner.mem_limit"):
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
