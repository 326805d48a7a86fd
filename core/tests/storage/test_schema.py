import sqlite3
import sys

import alembic.command
import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from plughub.domain.errors import MISTAKE, StartError
from plughub.domain.usage import UsageQuery
from plughub.storage import schema
from plughub.storage.database import Database, make_engine
from plughub.storage.schema import HEAD, prepare_schema, require_schema, schema_state
from plughub.storage.tables import metadata
from plughub.storage.upgrade import alembic_config, upgrade_schema

JUPYTERHUB = [table for table in metadata.sorted_tables if not table.name.startswith("plughub_")]


def shape(url):
    engine = make_engine(url, {})
    look = inspect(engine)
    tables = {
        name: (
            {(column["name"], str(column["type"]), column["nullable"]) for column in look.get_columns(name)},
            {tuple(index["column_names"]) for index in look.get_indexes(name)},
            {
                (tuple(key["constrained_columns"]), key["referred_table"])
                for key in look.get_foreign_keys(name)
            },
        )
        for name in look.get_table_names()
    }
    engine.dispose()
    return tables


@pytest.fixture
def jupyterhub_url(db_url):
    """A database as JupyterHub 6 leaves it, with a running server."""
    engine = make_engine(db_url, {})
    with engine.begin() as connection:
        metadata.create_all(connection, tables=JUPYTERHUB)
        for index in (index for table in JUPYTERHUB for index in table.indexes if "plughub" in index.name):
            index.drop(connection)
        for statement in (
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
            "INSERT INTO alembic_version VALUES ('f460b0348206')",
            "INSERT INTO users (id, name, cookie_id) VALUES (1, 'alice', 'c')",
            "INSERT INTO servers (id, proto, ip, port, base_url) VALUES (7, 'http', '127.0.0.1', 5000, '/')",
            "INSERT INTO spawners (id, user_id, name, server_id) VALUES (3, 1, '', 7)",
            "INSERT INTO spawners (id, user_id, name) VALUES (4, 1, 'lab')",
            "INSERT INTO users (id, name, cookie_id) VALUES (2, 'never-came', 'd')",
        ):
            connection.execute(text(statement))
    engine.dispose()
    return db_url


def test_an_empty_database_gets_the_newest_schema(db_url):
    prepare_schema(db_url)
    assert schema_state(db_url).current
    prepare_schema(db_url)


def test_the_newest_revision_is_the_one_that_a_hub_without_alembic_knows(db_url):
    with schema.schema_work(db_url, {}) as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD, (
            "a revision was added: name it in plughub.storage.schema.HEAD"
        )


def test_the_stored_revision_is_in_alembics_format(db_url):
    def table(connection):
        look = inspect(connection)
        columns = [
            (column["name"], str(column["type"]), column["nullable"])
            for column in look.get_columns("alembic_version")
        ]
        return columns, look.get_pk_constraint("alembic_version")

    prepare_schema(db_url)
    with schema.schema_work(db_url, {}) as connection:
        assert MigrationContext.configure(connection).get_current_heads() == (HEAD,)
        ours = table(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        alembic.command.ensure_version(alembic_config(connection))
        assert ours == table(connection)


def test_a_jupyterhub_database_is_refused_until_it_is_upgraded(jupyterhub_url):
    with pytest.raises(StartError) as refused:
        prepare_schema(jupyterhub_url)
    assert "hub upgrade-db" in refused.value.hint
    upgrade_schema(jupyterhub_url)
    prepare_schema(jupyterhub_url)


def test_an_older_hub_knows_the_names_of_logins_where_they_are_the_names_of_the_users(jupyterhub_url):
    with schema.schema_work(jupyterhub_url, {}) as connection:
        alembic.command.upgrade(alembic_config(connection), "0a7d3f5b91ce")
    engine = make_engine(jupyterhub_url, {})
    with engine.begin() as connection:
        for user, subject in ((1, "alice"), (2, "old-name")):
            connection.execute(
                text(
                    "INSERT INTO plughub_identities (user_id, plugin, subject, refreshed) "
                    "VALUES (:user, 'p', :subject, 0)"
                ),
                {"user": user, "subject": subject},
            )
    upgrade_schema(jupyterhub_url)
    with engine.begin() as connection:
        found = connection.execute(text("SELECT subject, name FROM plughub_identities")).all()
    engine.dispose()
    assert sorted(map(tuple, found)) == [("alice", "alice"), ("old-name", "")]


def test_an_upgraded_database_has_the_same_shape_as_a_new_one(jupyterhub_url, tmp_path):
    upgrade_schema(jupyterhub_url)
    new = f"sqlite:///{tmp_path}/new.sqlite"
    prepare_schema(new)
    upgraded, made = shape(jupyterhub_url), shape(new)
    assert upgraded.keys() == made.keys()
    if jupyterhub_url.startswith("sqlite"):
        assert upgraded == made


def test_running_servers_are_taken_over(jupyterhub_url, make_stored):
    upgrade_schema(jupyterhub_url)
    stored = make_stored(jupyterhub_url)
    (server,) = stored(lambda tx: tx.servers.active())
    assert (server.full_name, server.ready, server.url) == ("alice/", True, "http://127.0.0.1:5000")
    everything = UsageQuery(since=0, until=2**40)
    (run,) = stored(lambda tx: tx.runs.page(everything, 0, 9))
    assert (run.user, run.server, run.outcome, run.started is None) == ("alice", "", "", False)


def test_a_user_who_never_logged_in_gets_a_default_server(jupyterhub_url, make_stored):
    upgrade_schema(jupyterhub_url)
    stored = make_stored(jupyterhub_url)
    server = stored(lambda tx: tx.servers.get("never-came", ""))
    assert (server.full_name, server.active, server.options, server.state) == ("never-came/", False, {}, {})
    assert [server.name for server in stored(lambda tx: tx.servers.of_user(1))] == ["", "lab"]


def test_a_sqlite_file_is_copied_before_it_is_upgraded(jupyterhub_url):
    copy = upgrade_schema(jupyterhub_url)
    if not jupyterhub_url.startswith("sqlite"):
        assert copy is None
        return
    with sqlite3.connect(copy) as before:
        assert before.execute("SELECT version_num FROM alembic_version").fetchall() == [("f460b0348206",)]
    before.close()


def test_an_unknown_schema_is_named(jupyterhub_url):
    engine = make_engine(jupyterhub_url, {})
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffffffffffff'"))
    engine.dispose()
    with pytest.raises(StartError, match="ffffffffffff"):
        upgrade_schema(jupyterhub_url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all/hub.sqlite", "does not exist: /nowhere/at/all"),
        ("postgresql://me:secret@127.0.0.1:1/hub", "cannot be used: postgresql"),
        ("nonsense", "not a database URL"),
        ("sqlite://", "in memory only"),
        ("sqlite:///:memory:", "in memory only"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url, said):
    with pytest.raises(StartError, match=said) as refused:
        prepare_schema(url)
    assert "secret" not in str(refused.value)


def test_sqlite_on_a_network_file_system_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(schema, "_file_system", lambda _folder: "nfs4")
    with pytest.raises(StartError, match="network file system"):
        prepare_schema(f"sqlite:///{tmp_path}/hub.sqlite")


def test_work_on_the_schema_uses_the_arguments_of_the_engine(db_url):
    with pytest.raises(StartError, match=r"JupyterHub\.db_kwargs .*no_such_argument") as refused:
        prepare_schema(db_url, {"no_such_argument": 1})
    assert refused.value.exit_code == MISTAKE


WRONG = {
    "no URL": ("nonsense", {}, "JupyterHub.db_url is not a database URL"),
    "an unknown database": ("oracel://hub:very-secret@db/hub", {}, "JupyterHub.db_url is not a database URL"),
    "no number for a port": ("postgresql://hub:very-secret", {}, "db_url .*its port is not a number"),
    "no driver": (
        "mysql://hub:very-secret@db/hub",
        {},
        r"the driver .*\(JupyterHub.db_url\) is not installed",
    ),
    "an argument of the URL": ("sqlite:///FOLDER/a?timeout=long", {}, "JupyterHub.db_url has a value"),
    "an unknown argument": ("sqlite:///FOLDER/a", {"nonsense": 1}, "JupyterHub.db_kwargs .*'nonsense'"),
    "a wrong key": ("sqlite:///FOLDER/a", {"echo": "loud"}, "JupyterHub.db_kwargs has a value"),
    "a wrong class": ("sqlite:///FOLDER/a", {"poolclass": 3}, "JupyterHub.db_kwargs has a value"),
    "a wrong size": ("sqlite:///FOLDER/a", {"pool_size": "x"}, "JupyterHub.db_kwargs has a value"),
}
WRONG_AT_THE_FIRST_CONNECTION = {
    "of the driver": ({"connect_args": {"nonsense": 1}}, "JupyterHub.db_kwargs .*'nonsense'"),
    "of SQLAlchemy": ({"isolation_level": "LOOSE"}, "JupyterHub.db_kwargs .*LOOSE"),
}


@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("use", [Database, prepare_schema, schema_state, require_schema])
def test_invalid_database_settings_are_named(use, fault, tmp_path):
    (tmp_path / "a").touch()
    url, options, said = WRONG[fault]
    with pytest.raises(StartError, match=said) as refused:
        use(url.replace("FOLDER", str(tmp_path)), options)
    assert refused.value.exit_code == MISTAKE
    assert refused.value.hint
    assert "very-secret" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("fault", WRONG_AT_THE_FIRST_CONNECTION)
def test_invalid_connection_arguments_are_named(fault, tmp_path):
    options, said = WRONG_AT_THE_FIRST_CONNECTION[fault]
    with pytest.raises(StartError, match=said):
        prepare_schema(f"sqlite:///{tmp_path}/a", options)  # type: ignore[arg-type]


def test_a_missing_driver_for_postgresql_is_reported_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StartError, match=r"driver .* is not installed: psycopg") as refused:
        Database("postgresql://hub@db/hub")
    assert refused.value.hint == "pip install 'plughub[postgresql]'"


def test_every_foreign_key_is_indexed_so_that_deletions_find_the_rows_that_refer_to_a_row():
    missing = []
    for table in metadata.sorted_tables:
        whole = [index for index in table.indexes if index.dialect_options["sqlite"]["where"] is None]
        keys = [tuple(index.columns) for index in whole]
        keys.append(tuple(table.primary_key.columns))
        indexed = {str(columns[0]) for columns in keys if columns}
        missing += [str(key.parent) for key in table.foreign_keys if str(key.parent) not in indexed]
    assert not missing
