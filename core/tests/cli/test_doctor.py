"""``hub doctor``."""

import datetime as dt
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from plughub.app.watched_parts import certificate_findings
from plughub.classes.processes.identity import ProcessIdentity, process_space
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


@pytest.mark.parametrize(("is_alive", "code"), [(True, set()), (False, {"H001"})])
def test_a_process_of_this_machine_that_was_killed_is_reported_before_its_heartbeat_expires(
    hub, tmp_path, is_alive, code
):
    url = f"sqlite:///{tmp_path}/jupyterhub.sqlite"
    prepare_schema(url)
    database = Database(url)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        birth = ProcessIdentity.of(process.pid).ticks

        def work(connection):
            processes = Transaction(connection).hub_processes
            processes.join("here", host="here", pid=process.pid, birth=birth, url="", space=process_space())

        database.run(work)
        database.close()
        if not is_alive:
            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it remains as a zombie
        assert codes(hub("doctor", "--json")[1]) & {"H001"} == code


def test_findings_are_printed_as_json(hub, live):
    code, said, _ = hub("doctor", "--json")
    assert code == 1
    assert codes(said) - {"H030", "H031"} == {"H050", "H060"}


def test_plain_http_is_reported(hub, live, tmp_path):
    (tmp_path / "jupyterhub_config.py").write_text('c.JupyterHub.bind_url = "http://0.0.0.0:8000"\n')
    assert "H070" in codes(hub("doctor", "--json")[1])


def write_certificate(path, end):
    """Write a certificate that ends at a time, and return its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub.example")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, end - dt.timedelta(days=90), end).sign(
        key, hashes.SHA256()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return key


def test_hub_check_warns_of_an_expired_certificate(hub, tmp_path):
    key = write_certificate(tmp_path / "hub.crt", dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "hub.key").write_bytes(key.private_bytes(*form))
    settings = (
        "--JupyterHub.ssl_cert=hub.crt",
        "--JupyterHub.ssl_key=hub.key",
        "--plugins=null,simple,haproxy",
    )
    code, _, warnings = hub("check", *settings)
    assert code == 0, warnings
    assert "hub: the certificate of the hub expired on" in warnings
    assert "renew hub.crt (c.JupyterHub.ssl_cert)" in warnings


def test_hub_check_warns_of_plain_http(hub):
    assert "the hub uses plain HTTP at all addresses" in hub("check", "--JupyterHub.ip=")[2]


@pytest.mark.parametrize(
    ("days", "severity"),
    [(20, None), (13, Severity.WARNING), (2, Severity.ERROR), (-1, Severity.ERROR)],
)
def test_a_certificate_that_expires_is_reported(tmp_path, days, severity):
    path, now = tmp_path / "hub.crt", dt.datetime.now(dt.UTC)
    write_certificate(path, now + dt.timedelta(days=days))
    assert [found.severity for found in certificate_findings(path, now)] == ([severity] if severity else [])
    assert [found.code for found in certificate_findings(tmp_path / "missing", now)] == ["H071"]


def test_a_missing_database_is_an_error(hub):
    code, _, error = hub("doctor")
    assert code == 2
    assert "there is no database" in error
