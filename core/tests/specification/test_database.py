"""`plughub.dbutil` and `plughub.orm`: the schema, and tokens that scripts store for a running hub."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, select, text

from plughub.dbutil import DatabaseError, get_schema_version, mysql_large_prefix_check, upgrade_if_needed
from plughub.domain.errors import StartError
from plughub.orm import APIToken, Group, Role, Service, User, new_session_factory
from plughub.storage.backup import back_up
from plughub.storage.schema import HEAD
from plughub.testing.client import ApiClient
from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess
from plughub.testing.quick import starts
from plughub.utils import compare_token, hash_token, new_token

OLDER = Path(__file__).parents[1] / "storage" / "old_databases" / "jupyterhub_5.3.0.sql"

# ---- plughub.dbutil


def test_an_empty_database_becomes_current(db_url):
    assert get_schema_version(db_url) == ""
    for _ in range(2):
        upgrade_if_needed(db_url)
        assert get_schema_version(db_url) == HEAD


@starts
def test_an_older_database_is_copied_and_upgraded(tmp_path, caplog):
    pytest.importorskip("jupyterhub", reason="jupyterhub upgrades what older ones left")
    file = tmp_path / "jupyterhub.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(OLDER.read_text())
    url = f"sqlite:///{file}"
    before = get_schema_version(url)
    with caplog.at_level(logging.INFO, "site"):
        upgrade_if_needed(url, log=logging.getLogger("site"), backup=True, db_kwargs={})
    assert (before != HEAD, get_schema_version(url)) == (True, HEAD)
    (copy,) = tmp_path.glob("jupyterhub.sqlite.2*")
    said = [message for name, _, message in caplog.record_tuples if name == "site"]
    assert said == [
        f"the database was copied to {copy} before the upgrade",
        f"the database was upgraded from {before} to {HEAD}",
    ]
    assert new_session_factory(url)().query(User).count() > 0


def test_asking_for_the_version_creates_no_database(tmp_path):
    assert get_schema_version(f"sqlite:///{tmp_path}/none.sqlite") == ""
    assert not list(tmp_path.iterdir())


def test_an_unreachable_database_is_reported(tmp_path):
    for ask in (get_schema_version, upgrade_if_needed):
        with pytest.raises(DatabaseError, match="the database cannot be used"):
            ask("postgresql://127.0.0.1:1/hub")
    with pytest.raises(DatabaseError, match="the folder of the database does not exist"):
        upgrade_if_needed(f"sqlite:///{tmp_path}/no/folder.sqlite")


@pytest.mark.parametrize("database", [None, "sqlite:///hub.sqlite", create_engine("sqlite://")])
def test_only_mysql_has_long_prefixes_to_check(database):
    assert mysql_large_prefix_check(database) is False


@pytest.mark.parametrize("url", ["mysql+pymysql://hub@db/hub", "mariadb://hub@db/hub"])
def test_mysql_is_refused(url):
    with pytest.raises(DatabaseError, match="does not support MySQL") as caught:
        mysql_large_prefix_check(url)
    assert caught.value.hint == "use PostgreSQL or SQLite"


@starts
def run(tmp_path, db_url, *arguments, said=""):
    command = [sys.executable, "-m", "plughub.dbutil", "--db", db_url, *arguments]
    return subprocess.run(command, input=said, capture_output=True, text=True, cwd=tmp_path)


def test_a_shell_has_a_session_and_the_classes(tmp_path, db_url):
    upgrade_if_needed(db_url)
    stored = run(tmp_path, db_url, "shell", said="db.add(User(name='ann'))\ndb.commit()\n")
    assert (stored.returncode, "Traceback" in stored.stderr) == (0, False), stored.stderr
    found = run(tmp_path, db_url, "shell", said="print([user.name for user in db.query(orm.User)])\n")
    assert "['ann']" in found.stdout


def test_alembic_works_on_the_database_of_the_hub(tmp_path):
    url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    missing = run(tmp_path, url, "alembic", "current")
    assert (missing.returncode, "there is no database" in missing.stderr) == (2, True)
    upgrade_if_needed(url)
    assert run(tmp_path, url, "alembic", "current").stdout == f"{HEAD} (head)\n"
    assert run(tmp_path, url, "alembic", "upgrade", "base:head", "--sql").returncode == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "jupyterhub.sqlite"], "reading makes no copy"
    for arguments, revision in ((["downgrade", "-1"], "older"), (["upgrade", "head"], HEAD)):
        done = run(tmp_path, url, "alembic", *arguments)
        assert (done.returncode, "was copied to" in done.stderr) == (0, True), done.stderr
        assert (get_schema_version(url) == HEAD) == (revision == HEAD)
    assert len(list(tmp_path.glob("jupyterhub.sqlite.2*"))) == 2
    wrong = run(tmp_path, url, "alembic", "nonsense")
    assert (wrong.returncode, "invalid choice: 'nonsense'" in wrong.stderr) == (2, True)


def test_alembic_changes_no_database_that_a_program_uses(tmp_path):
    url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    upgrade_if_needed(url)
    with closing(sqlite3.connect(tmp_path / "jupyterhub.sqlite")) as used:
        used.execute("SELECT count(*) FROM users").fetchone()
        refused = run(tmp_path, url, "alembic", "stamp", "base")
    assert (refused.returncode, f"in use by process {os.getpid()}" in refused.stderr) == (1, True)
    assert get_schema_version(url) == HEAD


def test_two_copies_within_a_second_have_two_names(tmp_path):
    url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    upgrade_if_needed(url)
    copies = [back_up(url) for _ in range(3)]
    assert len(set(copies)) == 3
    assert all(get_schema_version(f"sqlite:///{copy}") == HEAD for copy in copies)


# ---- plughub.orm


@pytest.fixture
def db(db_url):
    upgrade_if_needed(db_url)
    with new_session_factory(db_url)() as session:
        yield session
    session.get_bind().dispose()


def test_rows_have_what_the_hub_needs(db):
    alice = User(name="alice", groups=[Group(name="staff")])
    db.add(alice)
    token = alice.new_api_token(note="made by a script", expires_in=60)
    chosen = alice.new_api_token("chosen-by-alice", scopes=["read:users"])
    record, other = APIToken.find(db, token), APIToken.find(db, chosen)
    assert [role.name for role in alice.roles] == ["user"]
    db.refresh(alice)
    assert list(alice.orm_spawners) == [""]
    assert (record.client_id, record.scopes, record.owner) == ("jupyterhub", ["inherit"], alice)
    assert (record.prefix, record.note, record.match(token)) == (token[:4], "made by a script", True)
    assert (other.scopes, other.api_id) == (["read:users"], f"a{other.id}")
    assert APIToken.find(db, "unknown") is None
    assert User.find(db, "alice") is alice
    assert Group.find(db, "staff").users == [alice]
    assert Role.find(db, "nothing") is None
    service = Service(name="culler")
    db.add(service)
    assert APIToken.find(db, service.new_api_token()).owner is service
    db.delete(alice)
    db.commit()
    assert [token.owner for token in db.query(APIToken)] == [service]


def test_an_expired_token_is_not_found(db):
    alice = User(name="alice")
    db.add(alice)
    assert APIToken.find(db, alice.new_api_token(expires_in=-1)) is None


def test_every_change_reaches_the_change_feed(db):
    def said():
        return [tuple(row) for row in db.execute(text("SELECT topic, key FROM plughub_changes ORDER BY id"))]

    alice = User(name="alice")
    db.add(alice)
    alice.new_api_token()
    record = db.query(APIToken).one()
    for change, wanted in (
        (lambda: setattr(record, "note", "new"), ("token", str(record.id))),
        (lambda: alice.groups.append(Group(name="staff")), ("group", "staff")),
        (lambda: alice.groups.clear(), ("user", str(alice.id))),
        (lambda: db.delete(record), ("token", str(record.id))),
        (lambda: db.query(APIToken).delete(), ("role", "")),
        (lambda: db.execute(delete(Service)), ("role", "")),
    ):
        before = said()
        change()
        db.commit()
        assert wanted in said()[len(before) :]


def test_a_session_that_reads_blocks_no_other(db, db_url):
    db.add(User(name="alice"))
    db.commit()
    assert db.query(User).count() == 1  # its transaction is open
    with new_session_factory(db_url, connect_args={})() as other:
        other.add(User(name="bob"))
        other.commit()
        other.get_bind().dispose()
    db.add(User(name="cai"))
    db.commit()
    db.add(User(name="dan"))
    db.flush()
    db.rollback()
    assert set(db.scalars(select(User.name))) == {"alice", "bob", "cai"}


def test_a_missing_or_empty_database_is_refused(tmp_path):
    with pytest.raises(StartError, match="there is no database"):
        new_session_factory(f"sqlite:///{tmp_path}/none.sqlite")
    assert not list(tmp_path.iterdir())


def test_a_token_stored_by_a_script_works_on_a_running_hub(tmp_path):
    with HubProcess(tmp_path, "--plugins", "simple,dummy") as hub:
        db = new_session_factory(f"sqlite:///{tmp_path}/jupyterhub.sqlite")()
        db.add(User(name="alice"))
        user = db.query(User).filter(User.name == "alice").first()
        token = new_token(length=32)
        db.add(APIToken(user=user, hashed=hash_token(token), prefix=token[:4], note="CLI access token"))
        db.commit()

        call = ApiClient(hub.url, token)
        answer = call("GET", "/user")
        assert (answer.status, answer.body["name"]) == (200, "alice")
        assert "access:servers!user=alice" in answer.body["scopes"]
        assert call("POST", "/users/alice/tokens", {"note": "made with the first"}).status == 201

        record = db.query(APIToken).filter(APIToken.prefix == token[:4]).first()
        assert compare_token(token, record.hashed)
        assert record.user is user
        other = new_token(40)
        record.hashed, record.prefix = hash_token(other, algorithm="pbkdf2_sha512"), other[:4]
        db.commit()
        assert ApiClient(hub.url, other)("GET", "/user").status == 200
        wait_for(lambda: call("GET", "/user").status == 403, 3)

        db.delete(record)
        db.commit()
        wait_for(lambda: ApiClient(hub.url, other)("GET", "/user").status == 403, 3)
        db.get_bind().dispose()
