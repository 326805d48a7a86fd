"""Database session of classes: own tables beside those of the hub, without transactions of the hub."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plughub.testing.databases import prepare_database
from plughub.testing.quick import starts

START = """
import sys
import plughub_jupyterhub
from jupyterhub.orm import Base, User
from plughub_jupyterhub.database import database
from sqlalchemy import Column, Integer, String, text

class Note(Base):
    __tablename__ = "notes"
    id = Column(Integer, primary_key=True)
    text = Column(String(80))

def refused(step, words):
    try:
        step()
        database.session.commit()
    except Exception as error:
        database.session.rollback()
        assert words in str(error), error
    else:
        raise AssertionError("not refused")
"""
OPEN = START + "database.open(sys.argv[1], {})\n"
CONSTRUCTOR = """
assert database.session.query(User).all() == database.session.query(Note).all() == []
refused(lambda: database.session.add(Note(text="early")), "constructors cannot write")
database.open(sys.argv[1], {})
assert [user.name for user in database.session.query(User)] == ["ada"]
assert database.session.query(Note).all() == []
"""
HUB_TABLES = """
ada = database.session.query(User).filter_by(name="ada").first()
def promote():
    ada.admin = True
words = "the table 'users' belongs to the hub"
refused(promote, words)
refused(lambda: database.session.add(User(name="eve")), words)
refused(lambda: database.session.delete(database.session.query(User).first()), words)
refused(lambda: database.session.query(User).update({"admin": True}), words)
refused(lambda: database.session.query(User).delete(), words)
assert [(user.name, user.admin) for user in database.session.query(User)] == [("ada", False)]
"""
THREADS = """
import threading
note = Note(text="first")
database.session.add(note)
database.session.commit()
def change():
    database.session.query(Note).one().text = "second"
    database.session.commit()
thread = threading.Thread(target=change)
thread.start()
thread.join()
assert note.text == "first"
assert database.session.query(Note).one() is note and note.text == "second"
"""
NO_LOCKS = """
from plughub.databases import own_engine
session = database.session
session.add(Note(text="flushed"))
session.flush()
engine = own_engine(sys.argv[1])
with engine.connect() as other:
    if other.dialect.name == "sqlite":
        other.execute(text("PRAGMA busy_timeout = 0"))
        other.execute(text("BEGIN IMMEDIATE"))
    assert other.execute(text("UPDATE notes SET text = 'changed'")).rowcount == 2
    if other.dialect.name == "sqlite":
        other.execute(text("COMMIT"))
assert session.bind.pool.checkedout() == 1
assert database.session.bind.pool.checkedout() == 0
"""
LOST = """
assert database.session.query(Note).count() == 2
if engine.dialect.name == "postgresql":
    with engine.connect() as other:
        other.execute(text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        ))
    assert database.session.query(Note).count() == 2
"""


@starts
def run(code: str, url: str) -> subprocess.Popen[str]:
    """Run Python code in a process of its own, because the import hook stays for the life of a process."""
    command = [sys.executable, "-c", code, url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def check(*processes):
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0, output


@pytest.fixture
def url(db_url):
    prepare_database(db_url)
    check(run("import sys\nfrom plughub.orm import *\nsession = new_session_factory(sys.argv[1])()\n"
              "session.add(User(name='ada'))\nsession.commit()\n", db_url))  # fmt: skip
    return db_url


def test_tables_of_a_package_are_created_by_several_hub_processes_at_once(url):
    code = OPEN + "database.session.add(Note(text='from a process'))\ndatabase.session.commit()\n"
    check(*(run(code, url) for _ in range(2)))
    check(run(OPEN + "assert database.session.query(Note).count() == 2\n", url))


def test_a_session_reads_the_hub_changes_own_tables_only_and_never_waits_or_locks(url):
    check(run(START + CONSTRUCTOR + HUB_TABLES + THREADS + NO_LOCKS + LOST, url))
