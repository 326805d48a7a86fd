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


@pytest.fixture(scope="session")
def postgresql_template(postgresql: PostgresServer) -> str:
    """URL of a database with the schema of a hub on `postgresql`, to make copies of."""
    from plughub.testing.databases import prepare_database  # noqa: PLC0415 - most runs need no storage

    url = postgresql.new_database()
    prepare_database(url)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database, of each kind in turn; the one on PostgreSQL is removed afterwards."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/hub.sqlite"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def hub_db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database with the schema of a hub, of each kind in turn.

    A copy of a template on PostgreSQL takes a quarter of the time of the statements that create the schema.
    """
    from plughub.testing.databases import prepare_database  # noqa: PLC0415 - see above

    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/hub.sqlite"
        prepare_database(url)
        yield url
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    url = server.new_database(request.getfixturevalue("postgresql_template"))
    yield url
    server.drop_database(url)
