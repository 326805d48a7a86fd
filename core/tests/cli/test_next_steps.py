"""Advice of a hub that has started on a terminal."""

import argparse
import sys
from types import SimpleNamespace

import pytest

from plughub.app.config import JupyterHub
from plughub.cli.next_steps import COMMAND_VARIABLE, command_name, next_steps

ONETIME = ("simple", "onetime", "haproxy")


@pytest.fixture
def advice(tmp_path, monkeypatch):
    """Return the advice of a hub in an empty folder."""

    def of(*active, config=None, plugins=None, terminal=True, **settings):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
        plan = SimpleNamespace(
            config=JupyterHub(**settings),
            selection=SimpleNamespace(active=SimpleNamespace(names=active or ONETIME)),
        )
        options = argparse.Namespace(config=config, plugins=plugins)
        return "\n".join(next_steps(options, SimpleNamespace(plan=plan)))  # type: ignore[arg-type]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(COMMAND_VARIABLE, "hub")
    return of


def test_it_names_the_commands_and_the_files(advice, tmp_path):
    said = advice()
    assert "\n  hub link NAME  add a person" in said
    assert "\n  hub plugins " in said
    assert "\n  hub init " in said
    assert f"\nFiles: {tmp_path} (database {tmp_path}/jupyterhub.sqlite, no config file)\n" in said
    assert said.endswith("Ctrl-C stops the hub, its servers and its proxy.")
    assert said.count("\n") < 9


def test_a_log_without_a_reader_gets_none(advice):
    assert advice(terminal=False) == ""


def test_its_commands_read_the_same_configuration_as_the_hub(advice, tmp_path):
    (tmp_path / "my lab.py").touch()
    said = advice(config="my lab.py", plugins="dummy,simple,onetime")
    assert "\n  hub -f 'my lab.py' -p dummy,simple,onetime link NAME " in said
    assert ", configured by my lab.py)" in said
    assert "hub init" not in said
    assert "dummy,simple,onetime init" not in said


@pytest.mark.parametrize(
    ("active", "settings"), [(("pam", "localprocess"), {}), (ONETIME, {"db_url": "sqlite:///:memory:"})]
)
def test_links_are_offered_only_where_they_work(advice, active, settings):
    assert "link NAME" not in advice(*active, **settings)


@pytest.mark.parametrize(
    ("servers", "proxy", "words"),
    [
        (True, False, "and its servers; the proxy keeps running."),
        (False, True, "and its proxy; servers keep running."),
        (False, False, "hub; servers and proxy keep running."),
    ],
)
def test_it_says_what_ctrl_c_stops(advice, servers, proxy, words):
    assert advice(cleanup_servers=servers, cleanup_proxy=proxy).endswith(words)


def test_the_command_is_what_a_person_can_type(monkeypatch, tmp_path):
    monkeypatch.delenv(COMMAND_VARIABLE, raising=False)
    command = tmp_path / "hub"
    command.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(command)])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert command_name() == str(command)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin")
    assert command_name() == "hub"
    monkeypatch.setattr(sys, "argv", ["/site/plughub/__main__.py"])
    assert command_name() == f"{sys.executable} -m plughub"
