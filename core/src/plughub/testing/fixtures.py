"""Fixtures for tests of plugins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from plughub.testing import ports
from plughub.testing.postgresql import PostgresServer, postgresql_binaries


@pytest.fixture
def free_port() -> int:
    """A free TCP port of 127.0.0.1."""
    return ports.free_port()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A running PostgreSQL server; the test is skipped when it is not installed."""
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("the PostgreSQL server is not installed")
    server = PostgresServer(binaries)
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hub.sqlite"
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.new_database()
