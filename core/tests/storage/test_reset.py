"""Reset of a database, with SQLite and PostgreSQL."""

import logging
import subprocess
import sys

import pytest
from sqlalchemy import create_engine, inspect, text

from plughub.app import database_reset
from plughub.app.config import JupyterHub
from plughub.app.database_reset import reset_database
from plughub.app.login_links import caller
from plughub.domain.audit import AuditQuery
from plughub.domain.errors import MISTAKE, RETRY, StartError
from plughub.services.coordination.initial_records import store_initial_records
from plughub.storage.schema import schema_state, sqlite_path


@pytest.fixture
def used(stored):
    """Return a database with a hub's mark and a user."""
    stored(store_initial_records)
    stored(lambda tx: tx.users.create("ada"))
    yield stored
    stored.database.close()


def settings(db_url, **others) -> JupyterHub:
    return JupyterHub(db_url=db_url, reset_db=True, **others)


def run(url, statement):
    engine = create_engine(url)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        found = result.all() if result.returns_rows else []
    engine.dispose()
    return found


def users(url):
    return [name for (name,) in run(url, "SELECT name FROM users")]


def test_everything_is_deleted_and_recorded(used, hub_db_url, caplog):
    run(hub_db_url, "CREATE TABLE of_another_program (id integer)")
    used.database.close()
    with caplog.at_level(logging.WARNING):
        reset_database(settings(hub_db_url, answer_yes=True))
    assert users(hub_db_url) == []
    assert schema_state(hub_db_url).current
    assert run(hub_db_url, "SELECT count(*) FROM of_another_program") == [(0,)]
    (entry,) = used(lambda tx: tx.audit.page(AuditQuery(), 0, 10))
    assert (entry.kind, entry.detail["by"]) == ("reset-database", caller())
    assert "everything was deleted by" in caplog.text
    assert "(1 users)" in caplog.text
    path = sqlite_path(hub_db_url)
    if path is not None:
        assert users(f"sqlite:///{entry.detail['copy']}") == ["ada"]
        assert "a copy is in" in caplog.text


def test_without_a_terminal_and_without_yes_nothing_is_deleted(used, hub_db_url, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    used.database.close()
    with pytest.raises(StartError, match=r"was not reset: .* \(1 users\)") as error:
        reset_database(settings(hub_db_url))
    assert (error.value.exit_code, "add -y" in error.value.hint) == (MISTAKE, True)
    assert users(hub_db_url) == ["ada"]


@pytest.mark.parametrize(("answer", "left"), [("yes", []), ("no", ["ada"]), ("", ["ada"])])
def test_on_a_terminal_the_answer_decides(used, hub_db_url, monkeypatch, answer, left):
    asked = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: asked.append(question) or answer)
    used.database.close()
    if left:
        with pytest.raises(StartError, match="was not reset"):
            reset_database(settings(hub_db_url))
    else:
        reset_database(settings(hub_db_url))
    assert users(hub_db_url) == left
    assert asked[0].startswith("Delete everything in ")


def test_the_question_names_servers_that_would_run_on_without_a_hub(used, hub_db_url):
    user = used(lambda tx: tx.users.get("ada"))
    record = used(lambda tx: tx.servers.create(user.id, "lab"))
    run(
        hub_db_url,
        "INSERT INTO plughub_servers (spawner_id, backend, host, desired, status, launch, unknown) "
        f"VALUES ({record.id}, '', '', 'running', 'running', '', '')",
    )
    used.database.close()
    with pytest.raises(StartError, match=r"1 users; 1 servers run on without a hub"):
        reset_database(settings(hub_db_url))


def test_a_database_that_a_hub_uses_is_refused(used, hub_db_url, request):
    if (path := sqlite_path(hub_db_url)) is not None:
        holder = subprocess.Popen(
            [sys.executable, "-c", "import sys; f = open(sys.argv[1]); print('open', flush=True); input()", path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        request.addfinalizer(lambda: holder.communicate(b"\n"))
        assert holder.stdout.readline() == b"open\n"
    else:
        used(lambda tx: tx.hub_processes.join("h" * 32, host="here", pid=7, birth=1.0, url=""))
    used.database.close()
    with pytest.raises(StartError, match="is in use by process") as error:
        reset_database(settings(hub_db_url, answer_yes=True))
    assert error.value.exit_code == RETRY
    assert users(hub_db_url) == ["ada"]


def test_of_two_resets_at_the_same_time_the_second_deletes_nothing_that_the_first_stored(
    used, hub_db_url, monkeypatch
):
    def other_process_is_faster(*_):
        monkeypatch.setattr(database_reset, "is_confirmed", lambda *_: True)
        reset_database(settings(hub_db_url))
        run(hub_db_url, "INSERT INTO users (name, cookie_id) VALUES ('eve', 'c')")
        return True

    monkeypatch.setattr(database_reset, "is_confirmed", other_process_is_faster)
    used.database.close()
    with pytest.raises(StartError, match="another process has just reset the database"):
        reset_database(settings(hub_db_url))
    assert users(hub_db_url) == ["eve"]


def test_tables_of_another_program_are_not_deleted(db_url):
    run(db_url, "CREATE TABLE users (name varchar(10))")
    run(db_url, "INSERT INTO users VALUES ('ada')")
    with pytest.raises(StartError, match="is not that of a hub"):
        reset_database(settings(db_url, answer_yes=True))
    assert users(db_url) == ["ada"]


def test_an_empty_database_needs_no_reset(db_url):
    reset_database(settings(db_url))
    engine = create_engine(db_url)
    assert not inspect(engine).has_table("users")
    engine.dispose()
