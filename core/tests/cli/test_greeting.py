"""What a running hub prints with its address and login link, and failures meanwhile."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from traitlets.config import Config

from plughub.app.login_links import note_for_root
from plughub.storage.schema import prepare_schema
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.quick import starts

PLUGINS = ("--plugins", "simple,dummy,haproxy,onetime")
CONFIG = "c.Authenticator.allow_all = True\nc.JupyterHub.cleanup_proxy = True\n"
AWAY, MISTAKE = "INSERT INTO nowhere VALUES (1)", "SELECT RAISE(ABORT, 'no links')"


@pytest.fixture
def hub(tmp_path):
    """A hub whose database refuses to store a login link."""

    def prepare(refusal):
        prepared = HubProcess(tmp_path / "hub", *PLUGINS, "--pid-file=hub.pid", config=CONFIG)
        started.append(prepared)
        file = prepared.folder / "jupyterhub.sqlite"
        prepare_schema(f"sqlite:///{file}")
        database = sqlite3.connect(file)
        with database:
            database.execute(f"CREATE TRIGGER t BEFORE INSERT ON plughub_login_links BEGIN {refusal}; END")
        database.close()
        return prepared

    started = []
    yield prepare
    for each in started:
        each.end_everything()


def test_a_hub_continues_if_the_database_is_unavailable_for_the_login_link(hub):
    running = hub(AWAY).start()
    wait_for(lambda: "create one with the command 'hub link'" in running.stderr)
    assert running.login_link == ""
    assert running.stop() == 0
    assert "Traceback" not in running.stderr
    running.assert_nothing_left()


def test_an_unexpected_error_after_the_start_leaves_servers_and_proxy_to_the_next_start(hub):
    failed = hub(MISTAKE)
    failed._launch()
    assert failed.process.wait(60) == 1
    assert "IntegrityError" in failed.stderr
    assert "hub: stopping" not in failed.stdout
    assert failed.processes()  # the proxy
    assert not (failed.folder / "hub.pid").exists()


@pytest.mark.parametrize(
    ("started_by", "plugins", "allowed", "is_told"),
    [
        ("root", ("localprocess", "onetime"), (), True),
        ("root", ("localprocess", "onetime"), ("root",), False),
        ("root", ("docker", "onetime"), (), False),
        ("ada", ("localprocess", "onetime"), (), False),
    ],
)
def test_root_is_told_that_it_gets_no_server(monkeypatch, started_by, plugins, allowed, is_told):
    monkeypatch.setenv("SUDO_USER", started_by)
    note = note_for_root(Config(SystemAccounts={"allowed": set(allowed)}), plugins)
    assert note.endswith("add --SystemAccounts.allowed=root") is is_told
    assert bool(note) is is_told


@pytest.fixture
def open_folder():
    """A folder that every system user can access."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield folder


@starts
@pytest.mark.root
@pytest.mark.parametrize("arguments", [(), ("link",), ("link", "ada")])
def test_a_uid_without_a_name_is_refused_before_anything_starts(open_folder, arguments):
    command = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", sys.executable, "-m", "plughub"]
    nameless = {key: text for key, text in os.environ.items() if key not in {"USER", "LOGNAME", "SUDO_USER"}}
    nameless |= {"LNAME": "", "USERNAME": "", "HOME": open_folder}
    done = subprocess.run(
        [*command, *arguments, *PLUGINS],
        cwd=open_folder,
        env=nameless,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    message = "no database" if "ada" in arguments else "set the environment variable USER"
    assert message in done.stderr
    assert "Traceback" not in done.stderr
