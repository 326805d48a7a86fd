"""Output and effects of the commands of ``hub``."""

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import create_engine

import plughub
from plughub.storage.schema import prepare_schema, shown_database
from plughub.storage.tables import metadata
from plughub.testing.quick import starts

JUPYTERHUB = [table for table in metadata.sorted_tables if not table.name.startswith("plughub_")]


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Install a distribution with a plugin."""

    def make(name, source="", requires="plughub>=0.1,<0.2"):
        about = tmp_path / "site" / f"plughub_{name}-3.4.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: plughub-{name}\nVersion: 3.4\nRequires-Dist: {requires}\n"
        )
        (about / "entry_points.txt").write_text(f"[plughub]\n{name} = plughub_{name}\n")
        (tmp_path / "site" / f"plughub_{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path / "site"))

    return make


@pytest.fixture
@starts
def jupyterhub_file(tmp_path):
    """Database file as JupyterHub 6 leaves it, with a user and a running server."""
    file = tmp_path / "jupyterhub.sqlite"
    engine = create_engine(f"sqlite:///{file}")
    metadata.create_all(engine, tables=JUPYTERHUB)
    engine.dispose()
    with closing(sqlite3.connect(file)) as database:
        database.executescript(
            """
            CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
            INSERT INTO alembic_version VALUES ('f460b0348206');
            INSERT INTO users (id, name, cookie_id) VALUES (1, 'alice', 'c');
            INSERT INTO servers (id, proto, ip, port, base_url) VALUES (7, 'http', '127.0.0.1', 5000, '/');
            INSERT INTO spawners (id, user_id, name, server_id) VALUES (3, 1, '', 7);
            """
        )
    return file


@pytest.fixture
def started(tmp_path):
    """Folder of a hub that has started before, with its database."""
    prepare_schema(f"sqlite:///{tmp_path}/jupyterhub.sqlite")


def rows(file, question):
    with closing(sqlite3.connect(file)) as database:
        return database.execute(question).fetchall()


def test_the_version_is_that_of_the_distribution(hub):
    assert hub("--version") == (0, f"plughub {plughub.__version__}\n", "")


@starts
def test_the_installed_command_is_the_same_as_the_module():
    for command in ([str(Path(sys.executable).parent / "hub")], [sys.executable, "-m", "plughub"]):
        said = subprocess.run([*command, "--version"], check=True, capture_output=True, text=True).stdout
        assert said == f"plughub {plughub.__version__}\n"


def test_help_names_every_command_and_how_to_give_settings(hub):
    code, said, _ = hub("--help")
    assert code == 0
    assert all(word in said for word in ("token", "link", "upgrade-db", "plugins", "--plugins", "--config"))
    assert "--Class.name=value" in said


@pytest.mark.parametrize("command", ["token", "link", "upgrade-db", "plugins"])
def test_every_command_has_help_of_its_own(hub, command):
    code, said, _ = hub(command, "--help")
    assert code == 0
    assert said.startswith(f"usage: hub {command}")


def test_an_unknown_argument_is_wrong_usage(hub):
    code, said, complaint = hub("--bind=all")
    assert (code, said) == (2, "")
    assert "--bind=all" in complaint


def test_a_misspelled_command_gets_a_did_you_mean(hub):
    code, said, complaint = hub("plugin")
    assert (code, said) == (2, "")
    assert "did you mean 'plugins'?" in complaint


# ---- hub plugins


def test_plugins_are_listed_with_distribution_and_version(hub, offer):
    offer("coffee")
    code, said, _ = hub("plugins")
    assert code == 0
    assert ["coffee", "plughub-coffee", "3.4", "installed"] in [line.split() for line in said.splitlines()]


def test_plugins_are_listed_as_json_with_what_is_active(hub, offer, tmp_path):
    offer("coffee")
    offer("tea")
    _, said, _ = hub("plugins", "--json", "--plugins", "tea")
    listed = {row["name"]: row for row in json.loads(said)}
    assert listed["tea"] == {
        "name": "tea",
        "distribution": "plughub-tea",
        "version": "3.4",
        "module": "plughub_tea",
        "status": "active",
        "contract": "",
        "hooks": [],
        "settings": [],
        "file": str(tmp_path / "site" / "plughub_tea.py"),
    }
    assert listed["coffee"]["status"] == "installed"


def test_a_plugin_that_is_broken_is_listed_without_being_imported(hub, offer):
    offer("broken", "raise RuntimeError('imported')")
    code, said, complaint = hub("plugins")
    assert (code, complaint) == (0, "")
    assert "broken" in said


def test_the_list_marks_an_incompatible_plugin(hub, offer):
    offer("ancient", requires="plughub<0.1")
    assert f"it needs plughub <0.1, this is plughub {plughub.__version__}" in hub("plugins")[1]


SHOWN = """
from plughub import hookimpl
from plughub.spawner import Spawner
raise RuntimeError("imported")
hub_contract = "1.0"

class TeaSpawner(Spawner): ...

@hookimpl
def hub_register_spawner():
    return TeaSpawner

@hookimpl
def hub_configure(context):
    return context.settings["leaves"]
"""


def test_the_list_shows_hooks_settings_contract_and_file_without_an_import(hub, offer, tmp_path):
    offer("herbs", SHOWN)
    code, said, _ = hub("plugins")
    assert code == 0
    shown = [line.strip() for line in said.partition("plughub-herbs 3.4")[2].splitlines()[1:5]]
    assert shown == [
        "contract: 1.0",
        "hooks: hub_configure, hub_register_spawner",
        "settings: c.TeaSpawner, plugin_settings",
        f"file: {tmp_path}/site/plughub_herbs.py",
    ]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ('hub_contract = "9.1"', "written for version 9.1 of the plugin contract, and this hub has"),
        ('hub_contract = "0.9"', "this hub supports 1.0 to"),
        ("def (", "broken: "),
    ],
)
def test_the_list_says_why_a_plugin_cannot_be_active(hub, offer, source, reason):
    offer("odd", source)
    assert reason in hub("plugins")[1]


# ---- hub token


@pytest.mark.usefixtures("started")
def test_a_token_is_printed_alone_and_stored_as_a_hash(hub, tmp_path):
    code, said, _ = hub("token", "alice")
    token = said.strip()
    assert (code, said.count("\n")) == (0, 1)
    assert len(token) >= 32
    assert rows(tmp_path / "jupyterhub.sqlite", "SELECT name FROM users") == [("alice",)]
    stored = (tmp_path / "jupyterhub.sqlite").read_bytes()
    assert token.encode() not in stored


@pytest.mark.usefixtures("started")
def test_a_token_for_a_new_user_reports_the_new_user(hub):
    new = "hub: created user 'alcie', who did not exist\n"
    assert hub("token", "alcie")[2].startswith(new)
    assert new not in hub("token", "alcie")[2]


@pytest.mark.usefixtures("started")
def test_commands_name_the_database_into_which_they_write(hub, tmp_path):
    file = f"{tmp_path}/jupyterhub.sqlite"
    assert hub("token", "root")[2].endswith(f"hub: created an API token of 'root' in the database {file}\n")
    assert hub("link", "root")[2] == f"hub: created a login link of 'root' in the database {file}\n"
    assert hub("upgrade-db")[1].startswith(f"the database is up to date: {file} (")


def test_a_database_is_named_without_its_password():
    assert shown_database("postgresql://hub:secret@db/hub") == "postgresql://hub:***@db/hub"
    assert shown_database("sqlite://") == "sqlite://"


@pytest.mark.usefixtures("started")
def test_the_username_is_normalised(hub, tmp_path):
    hub("token", " ALICE ")
    hub("token", "alice")
    assert rows(tmp_path / "jupyterhub.sqlite", "SELECT name FROM users") == [("alice",)]


@pytest.mark.usefixtures("started")
def test_without_a_name_the_token_is_for_the_caller(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "carol")
    hub("token")
    assert rows(tmp_path / "jupyterhub.sqlite", "SELECT name FROM users") == [("carol",)]


@pytest.mark.parametrize("name", ["a/b", "", "..", "a\nb", "x" * 300])
def test_a_name_that_no_user_can_have_is_refused(hub, name):
    code, said, complaint = hub("token", name)
    assert (code, said) == (2, "")
    assert complaint.startswith("hub: the username ")
    assert complaint.count("\n") == 1


def test_the_token_goes_into_the_database_of_the_config_file(hub, tmp_path):
    (tmp_path / "other.py").write_text("c.JupyterHub.db_url = 'sqlite:///other.sqlite'\n")
    prepare_schema(f"sqlite:///{tmp_path}/other.sqlite")
    assert hub("-f", "other.py", "token", "alice")[0] == 0
    assert hub("token", "bob", "--config", "other.py")[0] == 0
    assert rows(tmp_path / "other.sqlite", "SELECT name FROM users ORDER BY name") == [("alice",), ("bob",)]
    assert not (tmp_path / "jupyterhub.sqlite").exists()


def test_a_token_needs_a_database_that_is_up_to_date(hub, jupyterhub_file):
    code, said, complaint = hub("token", "alice")
    assert (code, said) == (2, "")
    assert "hub upgrade-db" in complaint


# ---- hub upgrade-db


def test_a_database_of_jupyterhub_is_copied_and_upgraded(hub, jupyterhub_file, tmp_path):
    code, said, complaint = hub("upgrade-db")
    assert (code, complaint) == (0, "")
    [copy] = [
        path for path in tmp_path.glob("jupyterhub.sqlite.*") if not path.name.endswith(("-wal", "-shm"))
    ]
    assert f"the database was copied to {copy.name}" in said
    assert "upgraded from f460b0348206" in said
    assert rows(copy, "SELECT version_num FROM alembic_version") == [("f460b0348206",)]
    assert (
        rows(copy, "SELECT name FROM users")
        == rows(jupyterhub_file, "SELECT name FROM users")
        == [("alice",)]
    )


def test_an_upgraded_database_is_up_to_date_and_is_not_copied_again(hub, jupyterhub_file, tmp_path):
    hub("upgrade-db")
    files = sorted(tmp_path.iterdir())
    code, said, _ = hub("upgrade-db")
    assert (code, said.startswith("the database is up to date")) == (0, True)
    assert sorted(tmp_path.iterdir()) == files
    assert hub("token", "alice")[0] == 0


@pytest.mark.postgresql
def test_an_empty_database_of_postgresql_gets_the_tables(hub, postgresql):
    url = f"--db={postgresql.new_database()}"
    code, said, complaint = hub("token", "alice", url)
    assert (code, said) == (2, "")
    assert "is empty: no hub has started with it yet" in complaint
    code, said, _ = hub("upgrade-db", url)
    assert (code, said.startswith("the database was upgraded from nothing")) == (0, True)
    assert hub("token", "alice", url)[0] == 0


def test_a_failed_step_of_jupyterhub_is_reported_and_the_copy_is_kept(hub, jupyterhub_file, tmp_path):
    pytest.importorskip("jupyterhub", reason="jupyterhub is not installed")
    with closing(sqlite3.connect(jupyterhub_file)) as database:
        database.execute("UPDATE alembic_version SET version_num = '4621fec11365'")
        database.commit()
    code, _, complaint = hub("upgrade-db")
    assert code == 2
    assert "could not upgrade the database to the schema of JupyterHub 6: " in complaint
    assert "duplicate column name" in complaint
    [copy] = tmp_path.glob("jupyterhub.sqlite.*")
    assert rows(copy, "SELECT version_num FROM alembic_version") == [("4621fec11365",)]


# ---- hub link


def query_of(link):
    return parse_qs(urlsplit(link).query)


@pytest.mark.usefixtures("started")
def test_a_link_is_printed_alone_stored_as_a_hash_and_audited(hub, tmp_path):
    file = tmp_path / "jupyterhub.sqlite"
    code, said, complaint = hub("link", " Alice ")
    link = said.strip()
    assert (code, said.count("\n")) == (0, 1)
    assert link.startswith("http://127.0.0.1:8000/hub/login/onetime?token=")
    assert complaint.startswith("hub: user 'alice' does not exist; a login with this link creates the user\n")
    [token] = query_of(link)["token"]
    assert len(token) >= 43
    assert token.encode() not in file.read_bytes()
    [(name, admin, expires_at)] = rows(file, "SELECT username, admin, expires_at FROM plughub_login_links")
    assert (name, admin, 0 < expires_at - time.time() <= 3600) == ("alice", 0, True)
    [(kind, user, detail)] = rows(file, "SELECT kind, username, detail FROM plughub_audit")
    assert (kind, user, json.loads(detail)["minutes"]) == ("create-login-link", "alice", 60)
    assert token not in detail


@pytest.mark.usefixtures("started")
def test_without_a_name_the_link_is_for_an_admin_as_at_the_start_of_the_hub(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "carol")
    assert hub("link")[0] == 0
    stored = "SELECT username, admin FROM plughub_login_links"
    assert rows(tmp_path / "jupyterhub.sqlite", stored) == [("carol", 1)]


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (["--port=9000", "--base-url=/lab/"], "http://127.0.0.1:9000/lab/hub/"),
        (
            ["--JupyterHub.public_url=https://hub.example.org/lab/", "--base-url=/lab/"],
            "https://hub.example.org/lab/hub/",
        ),
        (["--JupyterHub.subdomain_host=https://hub.example.org"], "https://hub.example.org/hub/"),
    ],
)
def test_a_link_has_the_public_url_of_the_hub(hub, settings, address):
    assert hub("link", "alice", *settings)[1].startswith(f"{address}login/onetime?token=")


@pytest.mark.usefixtures("started")
def test_a_link_is_valid_for_as_long_as_requested(hub, tmp_path):
    file, stored = tmp_path / "jupyterhub.sqlite", "SELECT expires_at FROM plughub_login_links"
    assert hub("link", "alice", "--valid-for", "2d")[0] == 0
    [(expires_at,)] = rows(file, stored)
    assert 0 <= time.time() + 2 * 24 * 3600 - expires_at < 60
    [(detail,)] = rows(file, "SELECT detail FROM plughub_audit")
    assert json.loads(detail)["minutes"] == 2880
    for wrong, reason in {
        "2": "write a number and a unit: s, m, h, d or w, as in 90m or 2d",
        "-2d": "not a duration: '-2d'",
        "8d": "--valid-for must be 1m to 1w, not 8d",
        "59s": "--valid-for must be 1m to 1w, not 59s",
    }.items():
        code, said, complaint = hub("link", "alice", f"--valid-for={wrong}")
        assert (code, said) == (2, ""), wrong
        assert reason in complaint
    assert len(rows(file, stored)) == 1


@pytest.mark.usefixtures("started")
def test_a_link_is_refused_if_one_time_links_are_not_active(hub, tmp_path):
    code, said, complaint = hub("link", "alice", "--plugins", "dummy,simple")
    assert (code, said) == (2, "")
    assert complaint.startswith("hub: one-time login links are not active; active plugins: ")
    assert "add 'onetime' to c.JupyterHub.plugins" in complaint
    assert rows(tmp_path / "jupyterhub.sqlite", "SELECT * FROM plughub_login_links") == []
    assert hub("link", "alice", "--plugins", "dummy,simple,onetime")[0] == 0


# ---- the wrong folder


@pytest.mark.parametrize("arguments", [("token", "alice"), ("link", "alice"), ("upgrade-db",)])
def test_no_command_creates_a_missing_database(hub, tmp_path, arguments):
    code, said, complaint = hub(*arguments)
    assert (code, said) == (2, "")
    assert complaint == (
        f"hub: there is no database {tmp_path}/jupyterhub.sqlite "
        "(JupyterHub.db_url = 'sqlite:///jupyterhub.sqlite')\n"
        "hub: run the command in the hub's folder, or name the hub's config file: hub -f FILE …\n"
    )
    assert list(tmp_path.iterdir()) == []


# ---- messages


def test_debug_shows_where_an_error_comes_from(hub):
    code, _, complaint = hub("--debug", "-f", "nowhere.py")
    assert code == 2
    assert "the config file does not exist" in complaint
    assert "Traceback" in complaint
