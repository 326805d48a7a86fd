"""Types of columns, in databases that JupyterHub may have written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import insert, select, text

from plughub.storage import tables

USERS = tables.users.c
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("moment", [NOON, NOON.astimezone(timezone(timedelta(hours=5)))])
def test_a_time_is_stored_in_utc_as_jupyterhub_does(stored, moment):
    row = {"name": "alice", "cookie_id": "a", "created": moment, "admin": False}
    stored(lambda tx: tx._connection.execute(insert(tables.users), row))
    found = stored(lambda tx: tx._connection.execute(text("SELECT created FROM users")).scalar_one())
    assert str(found).removesuffix(".000000") == "2026-01-31 12:00:00"
    if stored.database.engine.dialect.name == "sqlite":
        assert found == "2026-01-31 12:00:00.000000"
    created = stored(lambda tx: tx._connection.execute(select(USERS.created)).scalar_one())
    assert created == NOON
    assert created.tzinfo is UTC


@pytest.mark.parametrize("written", ["2026-01-31 12:00:00.000000", "2026-01-31 12:00:00"])
def test_a_time_is_read_with_and_without_microseconds(stored, written):
    facts = {"name": "alice", "cookie": "a", "written": written, "no": False}
    insertion = text(
        "INSERT INTO users (name, cookie_id, created, admin) VALUES (:name, :cookie, :written, :no)"
    )
    stored(lambda tx: tx._connection.execute(insertion, facts))
    assert stored(lambda tx: tx.users.get("alice")).created == NOON
