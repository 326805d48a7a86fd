"""Servers of PostgreSQL for tests: what a killed run leaves of them disappears."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from plughub.testing.postgresql import PostgresServer, postgresql_binaries

KILLED = """
import os, signal
from plughub.testing.postgresql import PostgresServer, postgresql_binaries

server = PostgresServer(postgresql_binaries())
server.start()
print(server.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.postgresql
def test_the_next_server_removes_that_of_a_killed_run_and_no_other(postgresql: PostgresServer) -> None:
    binaries = postgresql_binaries()
    assert binaries is not None
    said = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    left = Path(said.stdout.strip())
    pid = int((left / "data" / "postmaster.pid").read_text().splitlines()[0])
    assert psutil.pid_exists(pid), "it runs"
    new = PostgresServer(binaries)
    try:
        assert not psutil.pid_exists(pid)
        assert not left.exists()
        assert new.folder.exists()
        postgresql.drop_database(postgresql.new_database())
    finally:
        new.remove()
    assert not new.folder.exists()
