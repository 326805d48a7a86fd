"""Settings on the command line: ``--Class.name=value``."""

import pytest
from traitlets import TraitError
from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.config_files import bad_value, load_config
from plughub.cli.settings import split_settings
from plughub.domain.errors import StartError
from plughub.spawner import Spawner


def configured(*arguments: str) -> Config:
    settings, rest = split_settings(arguments)
    assert rest == []
    return load_config(None, settings)


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_settings_are_separated_from_other_arguments():
    settings, rest = split_settings(["token", "--JupyterHub.port=9000", "alice", "--debug", "-f", "x.py"])
    assert settings == {"JupyterHub": {"port": "9000"}}
    assert rest == ["token", "alice", "--debug", "-f", "x.py"]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("--JupyterHub.port=9000", 9000),
        ("--JupyterHub.ip=0.0.0.0", "0.0.0.0"),
        ("--JupyterHub.ip=", ""),
        ("--JupyterHub.base_url=/a=b/", "/a=b/"),
        ("--JupyterHub.cleanup_servers=False", False),
        ("--JupyterHub.cleanup_servers=false", False),
        ("--JupyterHub.cleanup_servers=true", True),
        ("--JupyterHub.lease_seconds=2.5", 2.5),
        ("--JupyterHub.plugins=['a', 'b']", ["a", "b"]),
        ("--JupyterHub.plugin_settings={'audit': {'file': 'x'}}", {"audit": {"file": "x"}}),
        ("--JupyterHub.public_url=1", "1"),
        ("--JupyterHub.spawner_class=simple", "simple"),
    ],
)
def test_every_setting_reads_its_own_text(argument, value):
    name = argument.partition(".")[2].partition("=")[0]
    assert getattr(JupyterHub(config=configured(argument)), name) == value


def test_a_command_may_have_arguments():
    assert Spawner(config=configured("--Spawner.cmd=['lab', '--debug']")).cmd == ["lab", "--debug"]
    assert Spawner(config=configured("--Spawner.cmd=lab")).cmd == ["lab"]


def test_the_command_line_wins_over_the_config_file(tmp_path):
    (tmp_path / "jupyterhub_config.py").write_text("c.JupyterHub.port = 1\nc.JupyterHub.hub_port = 2\n")
    hub = JupyterHub(config=configured("--JupyterHub.port=3"))
    assert (hub.port, hub.hub_port) == (3, 2)


def test_of_two_equal_settings_the_last_one_wins():
    assert JupyterHub(config=configured("--JupyterHub.port=1", "--JupyterHub.port=2")).port == 2


def test_a_setting_without_a_value_is_refused_with_the_syntax():
    with pytest.raises(StartError, match=r"write --JupyterHub\.port=value") as refused:
        split_settings(["--JupyterHub.port", "9000"])
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("services", {"name": "report", "api_token": "very-secret"}),
        ("db_url", ["postgresql://hub:very-secret@database/hub"]),
        ("services", b"very-secret"),
        ("service_tokens", "very-secret"),
        ("cookie_secret", ["very-secret"]),
    ],
)
def test_a_value_of_the_wrong_kind_is_not_shown_where_it_may_hold_a_secret(setting, value):
    with pytest.raises(TraitError) as error:
        JupyterHub(config=Config({"JupyterHub": {setting: value}}))
    refused = bad_value(error.value)
    assert f"invalid value for c.JupyterHub.{setting}" in str(refused)
    assert "very-secret" not in f"{refused} {refused.hint}"


def test_a_plain_value_of_the_wrong_kind_is_shown():
    with pytest.raises(TraitError) as error:
        JupyterHub(config=Config({"JupyterHub": {"port": "eight"}}))
    assert "'eight'" in str(bad_value(error.value))
