"""``hub doctor``."""

import json

import pytest

from plughub.domain.findings import Finding, Severity
from plughub.services.insight.monitor import OF_PROCESS
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema
from plughub.storage.store import Transaction

MACHINE = {
    "host": "node7", "at": 1.0, "cpus": 1, "load": 0.0, "memory": 1, "memory_free": 1, "disks": [],
}  # fmt: skip
FOUND = Finding(
    code="H050",
    severity=Severity.WARNING,
    subject="pam",
    message="calls of pam fail",
    action="read the log",
    since=0.0,
)


@pytest.fixture
def live(tmp_path):
    """Database of a hub with a live process that has found something, and an admin."""
    url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    prepare_schema(url)
    database = Database(url)

    def work(connection):
        tx = Transaction(connection)
        tx.hub_processes.join("other", host="node7", pid=1, birth=0.0, url="")
        tx.settings.set(f"{OF_PROCESS}other", {"machine": MACHINE, "findings": [FOUND.packed()]})

    database.run(work)
    database.close()


def codes(said):
    return {found["code"] for found in json.loads(said)}


def test_a_hub_that_does_not_run_is_reported(hub, tmp_path):
    prepare_schema(f"sqlite:///{tmp_path}/jupyterhub.sqlite")
    code, said, _ = hub("doctor")
    assert code == 1
    assert "H001 error: No hub process is running.\n  Start the hub; its log says why it ended." in said


def test_what_a_running_hub_has_found_is_reported_with_its_beginning(hub, live):
    code, said, _ = hub("doctor")
    assert code == 1
    assert "H050 warning: Calls of pam fail (since 1970-01-01 00:00 UTC).\n  Read the log." in said
    assert "H001" not in said


def test_findings_are_printed_as_json(hub, live):
    code, said, _ = hub("doctor", "--json")
    assert code == 1
    assert codes(said) - {"H030", "H031"} == {"H050", "H060"}


def test_a_missing_database_is_an_error(hub):
    code, _, error = hub("doctor")
    assert code == 2
    assert "there is no database" in error
