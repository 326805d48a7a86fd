"""A configuration with several mistakes: all are reported together, each with advice."""

import pytest

CONFIG = """
import sys
from jupyterhub.spawner import Spawner

class OfJupyterHub(Spawner):
    start = stop = poll = None

c.JupyterHub.plugins = ["dummy", "nosuch"]
c.JupyterHub.spawner_class = OfJupyterHub
c.JupyterHub.port = "many"
c.JupyterHub.lease_seconds = 0
c.JupyterHub.prot = 8000
c.JupyterHub.ssl_cert = "alone.pem"
c.JupyterHub.subdomain_host = "https://hub.example.org"
c.JupyterHub.servers_url = "https://servers.example.org"
c.JupyterHub.load_roles = [{"name": "tutor", "scopes": ["no:such:scope"]}]
c.DummyAuthenticator.passwort = "x"
c.Authenticator.allowed_users = 3
c.OfJupyterHub.unknowable = 1
c.Spawner.also_unknowable = 1
"""
SAID = [
    "invalid value for c.JupyterHub.port",
    "invalid value for c.JupyterHub.lease_seconds",
    "did you mean c.JupyterHub.port?",
    "ssl_cert and c.JupyterHub.ssl_key go together",
    "subdomain_host and c.JupyterHub.servers_url exclude each other",
    "plugin 'nosuch' is not installed",
    "pip install plughub-nosuch",
    "OfJupyterHub is not a subclass of plughub.spawner.Spawner",
    "did you mean c.DummyAuthenticator.password?",
    "invalid value for c.Authenticator.allowed_users",
    "no:such:scope",
]


@pytest.fixture
def complain(hub, tmp_path):
    def complain_about(config, *arguments):
        pytest.importorskip("jupyterhub")
        (tmp_path / "jupyterhub_config.py").write_text(config)
        code, said, complaint = hub(*arguments)
        assert (code, said) == (2, "")
        return complaint

    return complain_about


@pytest.mark.parametrize("expected", SAID)
def test_all_kinds_of_mistakes_are_reported_together(complain, expected):
    assert expected in complain(CONFIG)


def test_each_mistake_is_reported_once_and_unknown_classes_are_not_judged(complain):
    lines = complain(CONFIG).splitlines()
    assert len(lines) == len(set(lines))
    assert lines[0].startswith("hub: the configuration has ")
    assert all(line.startswith("  ") for line in lines[1:])
    assert "unknowable" not in "\n".join(lines)


def test_a_single_mistake_is_reported_without_a_list(complain):
    complaint = complain("c.JupyterHub.plugins = ['simple', 'dummy']\nc.JupyterHub.prot = 8000\n")
    assert complaint.startswith("hub: unknown settings:\n  c.JupyterHub.prot")


def test_mistakes_that_plugins_find_during_a_start_are_reported_together_too(complain):
    complaint = complain(
        "c.JupyterHub.plugins = ['simple', 'dummy', 'haproxy']\n"
        "c.Spawner.http_timeout = 'soon'\nc.Authenticator.admin_users = 'ann'\n"
        "c.Authenticator.allow_all = True\n"
    )
    assert complaint.startswith("hub: the configuration has 2 problems:"), complaint
    assert len(complaint.splitlines()) == 3
    assert "http_timeout" in complaint
    assert "admin_users" in complaint


def test_no_problem_shows_a_secret(complain):
    complaint = complain(
        "c.JupyterHub.cookie_secret = 'geheim'\nc.JupyterHub.port = 'x'\nc.JupyterHub.prot = 1\n"
    )
    assert "geheim" not in complaint
    assert "cookie_secret" in complaint


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("db_url = 'nonsense'", "JupyterHub.db_url is not a database URL"),
        ("db_url = 'mysql://hub@db/hub'", "the driver for the database (JupyterHub.db_url) is not installed"),
        ("db_url = 'postgresql://hub:port/hub'", "JupyterHub.db_url is not a database URL: its port"),
        ("db_kwargs = {'nonsense': 1}", "JupyterHub.db_kwargs has a value"),
    ],
)
def test_a_wrong_database_is_one_of_the_problems(complain, setting, expected):
    wrong = f"c.JupyterHub.{setting}\n"
    assert complain(wrong).startswith(f"hub: {expected}")
    for other in ("c.JupyterHub.prot = 8000\n", "c.JupyterHub.cookie_secret = 'geheim'\n"):
        both = complain(wrong + other)
        assert expected in both
        assert both.startswith("hub: the configuration has 2 problems:")
    assert expected in complain(wrong, "link", "ann", "--plugins", "simple,dummy,haproxy,onetime")


def test_additional_handlers_that_are_not_a_list_are_refused_with_the_setting(complain):
    assert "c.JupyterHub.extra_log_handlers must be a list" in complain(
        "c.JupyterHub.extra_log_handlers = 3\n"
    )
