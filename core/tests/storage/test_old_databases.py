"""Databases of older JupyterHubs are taken over with all their contents."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, MetaData, create_engine, text

from plughub.domain.errors import RETRY, StartError
from plughub.domain.roles import ADMIN_ROLE
from plughub.domain.servers import Status
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.secrets.auth_states import AuthStates
from plughub.storage.database import driver_url, make_engine
from plughub.storage.schema import HEAD, schema_state
from plughub.storage.upgrade import upgrade_schema
from plughub.testing.hub import HubProcess
from plughub.testing.quick import starts

FOLDER = Path(__file__).parent / "old_databases"
DUMPS = {path.stem.removeprefix("jupyterhub_"): path for path in sorted(FOLDER.glob("jupyterhub_*.sql"))}
VERSIONS = tuple(DUMPS)
NAMED = ("1.5.1", "2.3.1", "4.1.6", "5.3.0")
KEY = bytes.fromhex("11" * 32)

pytest.importorskip("jupyterhub", reason="jupyterhub, which upgrades what older ones left, is not installed")


@starts
def load(version, url):
    """Fill an empty database with what a JupyterHub left; return its tokens."""
    dump = DUMPS[version].read_text()
    path = url.removeprefix("sqlite:///") if url.startswith("sqlite") else ":memory:"
    with closing(sqlite3.connect(path, check_same_thread=False)) as database:
        database.executescript(dump)
        if path == ":memory:":
            copy(database, url)
    return dict(re.findall(r"^-- token of (.*): (\w+)$", dump, re.MULTILINE))


def copy(database, url):
    """Copy every table to PostgreSQL, with the types that JupyterHub's tables have there."""
    here, there = create_engine("sqlite://", creator=lambda: database), create_engine(driver_url(url))
    found = MetaData()
    found.reflect(here)
    for table in found.sorted_tables:
        for column in table.columns:
            column.type = column.type.as_generic()
        table.constraints = {rule for rule in table.constraints if not isinstance(rule, CheckConstraint)}
    with here.connect() as source, there.begin() as target:
        found.create_all(target)
        for table in found.sorted_tables:
            if rows := [dict(row) for row in source.execute(table.select()).mappings()]:
                target.execute(table.insert(), rows)
            if "id" in table.columns:
                last = text(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
                )
                target.execute(last)
    here.dispose()
    there.dispose()


async def is_all_there(version, stored, tokens):
    """Check that users, admins, groups, servers, tokens, shares and saved secrets are unchanged."""
    stored(store_initial_records)
    assert admins_of(stored) == {"ada", "eve"}
    assert stored(lambda tx: tx.roles.holders(ADMIN_ROLE, "user")) == {"ada", "eve"}
    assert stored(lambda tx: set(tx.groups.get("class").users)) == {"bob", "cai"}
    see_servers(stored)
    see_tokens(stored, version, tokens)
    shared = stored(lambda tx: tx.users.get("cai").scopes)
    assert ("access:servers!server=bob/" in shared) == (version > "5")
    states = AuthStates(stored.store, [KEY])
    for name in ("ada", "bob", "cai", "dee"):
        assert await states.get(stored(lambda tx, name=name: tx.users.get(name).id)) == {"secret of": name}
    states.close()


def admins_of(stored):
    users = stored(lambda tx: [tx.users.get(name) for name in ("ada", "bob", "cai", "dee", "eve")])
    return {user.name for user in users if user.admin}


def see_servers(stored):
    running = {server.full_name: server for server in stored(lambda tx: tx.servers.active())}
    assert set(running) == {"bob/", "cai/lab"}
    for server in running.values():
        assert server.status is Status.RUNNING
        assert server.url.startswith("http://127.0.0.1:")
        assert server.state["pid"]
        assert server.state["note"] == f"kept for {server.user}"
        assert server.options.get("size") in {None, {"bob/": "big", "cai/lab": "small"}[server.full_name]}
    assert stored(lambda tx: tx.servers.get("dee", "")).status is Status.STOPPED


def see_tokens(stored, version, tokens):
    """JupyterHub itself drops all tokens from before 2.0."""
    for name, token in tokens.items():
        key = stored(lambda tx, token=token: tx.tokens.matching(token[:4], token))
        assert (key is None) == (version < "2")
        if key is None:
            continue
        record = stored(lambda tx, key=key: tx.tokens.by_id(key))
        owner, _, is_less = name.partition(",")
        less = {"read:users", "read:users:activity"} if version < "3" else {"read:users:activity!user"}
        assert record.scopes == (less if is_less else {"inherit"})
        assert record.user_id == stored(lambda tx, owner=owner: tx.users.get(owner).id)


@pytest.mark.parametrize("version", VERSIONS)
async def test_all_data_is_kept_by_an_upgrade(version, tmp_path, make_stored):
    url = f"sqlite:///{tmp_path}/hub.sqlite"
    tokens = load(version, url)
    before = tables_of(tmp_path / "hub.sqlite")
    copied = upgrade_schema(url)
    assert tables_of(copied) == before
    assert schema_state(url).current
    assert upgrade_schema(url) is None
    await is_all_there(version, make_stored(url), tokens)


@pytest.mark.postgresql
@pytest.mark.parametrize("version", NAMED)
async def test_all_data_is_kept_by_an_upgrade_on_postgresql(version, postgresql, make_stored):
    url = postgresql.new_database()
    tokens = load(version, url)
    upgrade_schema(url)
    assert upgrade_schema(url) is None
    await is_all_there(version, make_stored(url), tokens)


@pytest.mark.parametrize("version", NAMED)
async def test_all_data_is_kept_by_the_upgrades_of_jupyterhub_and_ours(version, tmp_path, make_stored):
    url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    tokens = load(version, url)
    done = subprocess.run(
        [sys.executable, "-m", "jupyterhub", "upgrade-db"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    # The migration of JupyterHub 6 for databases of 2.x fails half-way if a server has run.
    assert (done.returncode != 0) == (version < "3" and version > "2"), done.stderr
    upgrade_schema(url)
    await is_all_there(version, make_stored(url), tokens)


def tables_of(path):
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


HUB = """
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {"ada"}
c.Authenticator.enable_auth_state = True
c.JupyterHub.services = [{"name": "report", "api_token": "%s"}]
c.JupyterHub.load_roles = [{"name": "reporter", "scopes": ["list:users"], "services": ["report"]}]
c.JupyterHub.cleanup_servers = False
"""
SERVICE_TOKEN = "5e" * 32
NO_PROCESS = 4194301


def call(hub, path, token):
    request = urllib.request.Request(f"{hub.url}hub/api{path}", headers={"Authorization": f"token {token}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("version", NAMED)
def test_a_hub_runs_on_an_old_database_with_its_users_and_tokens(version, tmp_path):
    tokens = load(version, f"sqlite:///{tmp_path}/jupyterhub.sqlite")
    with closing(sqlite3.connect(tmp_path / "jupyterhub.sqlite")) as database, database:
        # Another process may have that pid today.
        database.execute(
            "UPDATE spawners SET state = json_set(state, '$.pid', ?) WHERE state LIKE '%pid%'", (NO_PROCESS,)
        )
    plugins = ("--plugins", "dummy,simple,haproxy")
    config, env = HUB % SERVICE_TOKEN, {"JUPYTERHUB_CRYPT_KEY": KEY.hex()}
    upgrade = HubProcess(tmp_path, *plugins, "upgrade-db", config=config, env=env, name="upgrade")
    assert upgrade.run() == 0, upgrade.output
    assert f"to {HEAD}" in upgrade.stdout
    with HubProcess(tmp_path, *plugins, env=env) as hub:
        names = [user["name"] for user in call(hub, "/users", SERVICE_TOKEN)]
        assert names == ["ada", "bob", "cai", "dee", "eve"]
        if version < "2":
            assert {call(hub, "/user", token) for token in tokens.values()} == {403}
            return
        assert call(hub, "/user", tokens["bob"])["groups"] == ["class"]
        assert call(hub, "/users/bob", tokens["ada"])["auth_state"] == {"secret of": "bob"}
        assert call(hub, "/users/eve", tokens["ada"])["admin"] is True
        assert call(hub, "/users/eve", tokens["bob"]) == 404
        assert call(hub, "/users/bob/tokens", tokens["bob, less"]) in {403, 404}


# ---- refused upgrades


def test_a_file_that_another_process_has_open_is_not_upgraded(tmp_path):
    url = f"sqlite:///{tmp_path}/hub.sqlite"
    load("5.3.0", url)
    before = tables_of(tmp_path / "hub.sqlite")
    holds = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT 1 FROM users'); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(tmp_path / "hub.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        with pytest.raises(StartError, match=f"the database is in use by process {other.pid} ") as refused:
            upgrade_schema(url)
        other.communicate(b"\n")
    assert refused.value.exit_code == RETRY
    assert tables_of(tmp_path / "hub.sqlite") == before
    assert upgrade_schema(url) is not None


@pytest.mark.postgresql
def test_a_database_of_a_live_hub_is_not_upgraded(postgresql):
    url = postgresql.new_database()
    upgrade_schema(url)
    engine = make_engine(url, {})
    heartbeat = """
        INSERT INTO plughub_hubs (id, host, pid, birth, url, started, seen, space)
        VALUES ('a', 'lab', 7, 0, '', 0, extract(epoch FROM now()), '')
    """
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'a1f0c3d2e401'"))
        connection.execute(text(heartbeat))
    with pytest.raises(StartError, match="in use by process 7 on lab") as refused:
        upgrade_schema(url)
    assert refused.value.exit_code == RETRY
    engine.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize("name", ["", "psql"])
def test_a_database_of_jupyterhub_with_another_session_is_not_upgraded(postgresql, name):
    url = postgresql.new_database()
    load("5.3.0", url)
    other = create_engine(driver_url(url), connect_args={"application_name": name} if name else {})
    with other.connect() as session:
        session.execute(text("SELECT 1 FROM users"))
        session.commit()  # like an idle hub: the connection stays open
        number = session.scalar(text("SELECT pg_backend_pid()"))
        message = f"in use by {name or 'a program'} of database user postgres .*\\(session {number}\\)"
        with pytest.raises(StartError, match=message) as refused:
            upgrade_schema(url)
        assert session.scalar(text("SELECT to_regclass('plughub_hubs')")) is None
    assert refused.value.exit_code == RETRY
    other.dispose()
    upgrade_schema(url)


@pytest.mark.postgresql
async def test_concurrent_upgrades_do_not_disturb_each_other(postgresql):
    url = postgresql.new_database()
    load("5.3.0", url)
    await asyncio.gather(*(asyncio.to_thread(upgrade_schema, url) for _ in range(2)))
    assert schema_state(url).current


def test_without_jupyterhub_an_old_database_is_refused_with_what_to_install(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/hub.sqlite"
    load("4.1.6", url)
    before = tables_of(tmp_path / "hub.sqlite")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(StartError, match="the database comes from an older JupyterHub") as refused:
        upgrade_schema(url)
    assert "pip install 'jupyterhub>=6,<7'" in refused.value.hint
    assert tables_of(tmp_path / "hub.sqlite") == before


@pytest.mark.parametrize("name", ["connect_args", "creator"])
def test_arguments_that_jupyterhubs_migrations_do_not_use_are_refused_before_the_upgrade(tmp_path, name):
    file = tmp_path / "hub.sqlite"
    load("5.3.0", f"sqlite:///{file}")
    before = tables_of(file)
    given = {
        "connect_args": {"timeout": 20},
        "creator": lambda: sqlite3.connect(file, check_same_thread=False),
    }
    with pytest.raises(StartError, match=rf"JupyterHub\.db_kwargs has {name}") as refused:
        upgrade_schema(f"sqlite:///{file}", {name: given[name]})
    assert "into the URL" in refused.value.hint
    assert tables_of(file) == before
    assert [path.name for path in tmp_path.iterdir() if "hub.sqlite." in path.name] == []
    assert upgrade_schema(f"sqlite:///{file}?timeout=20") is not None
