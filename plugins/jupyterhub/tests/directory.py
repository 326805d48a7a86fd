"""A real LDAP directory, Debian's slapd, with users, groups and certificates of its own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from plughub.testing.conditions import wait_for
from plughub.testing.ports import free_port
from plughub.testing.quick import starts

SUFFIX = "dc=campus,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
GROUPS = f"ou=groups,{SUFFIX}"
MEMBERS = {"staff": ["ada"], "students": ["ada", "eve"]}
"""Members by group; ``max`` is in no group."""

_SETTINGS = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
database mdb
directory {folder}/data
suffix {suffix}
rootdn cn=admin,{suffix}
rootpw secret-of-the-admin
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
"""


@starts
class Directory:
    """Directory that runs until the end of the block.

    Users are ``ada``, ``eve`` and ``max``, each with the password ``word of NAME``. Their entries are named
    ``cn=n1``, ``cn=n2`` and ``cn=n3``, so that only a search finds the entry of a username (``uid``).

    Args:
        folder: for its data; created.

    Attributes:
        port: port of LDAP, with StartTLS.
        tls_port: port of LDAPS.
        authority: file of the certificate of the authority that signed its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.tls_port = free_port(), free_port()
        self.authority = folder / "server.crt"

    def __enter__(self) -> Self:
        (self.folder / "data").mkdir(parents=True)
        make_certificate(self.folder / "server")
        (self.folder / "slapd.conf").write_text(_SETTINGS.format(folder=self.folder, suffix=SUFFIX))
        (self.folder / "entries.ldif").write_text("\n".join(_entries()))
        settings = ["-f", str(self.folder / "slapd.conf")]
        subprocess.run(
            [_slapd(), "-Ta", *settings, "-l", str(self.folder / "entries.ldif")],
            check=True,
            capture_output=True,
        )
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "slapd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [_slapd(), "-d", "0", *settings, "-h", urls], stdout=log, stderr=log
            )
        wait_for(lambda: self._process.poll() is not None or _listens(self.tls_port))
        assert self._process.poll() is None, (self.folder / "slapd.log").read_text()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the directory."""
        self._process.kill()
        self._process.wait()


def make_certificate(path: Path, hosts: Sequence[str] = ()) -> None:
    """Create a self-signed certificate for 127.0.0.1 and hosts in two files, with the endings ``crt`` and ``key``."""
    names = ",".join(["IP:127.0.0.1", *(f"DNS:{host}" for host in hosts)])
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", f"{path}.key", "-out", f"{path}.crt", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", f"subjectAltName={names}"]
    subprocess.run(command, check=True, capture_output=True)


def _entries() -> list[str]:
    """Return the lines of the users and groups, as LDIF."""
    lines = [f"dn: {SUFFIX}", "objectClass: dcObject", "objectClass: organization", "o: campus", ""]
    for place in (PEOPLE, GROUPS):
        lines += [f"dn: {place}", "objectClass: organizationalUnit", ""]
    numbers = {"ada": 1, "eve": 2, "max": 3}
    for name, number in numbers.items():
        lines += [f"dn: cn=n{number},{PEOPLE}", "objectClass: inetOrgPerson", f"uid: {name}", f"sn: {name}"]
        lines += [f"mail: {name}@campus.test", f"userPassword: word of {name}", ""]
    for group, members in MEMBERS.items():
        lines += [f"dn: cn={group},{GROUPS}", "objectClass: groupOfNames"]
        lines += [f"member: cn=n{numbers[name]},{PEOPLE}" for name in members] + [""]
    return lines


def _slapd() -> str:
    found = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/sbin")
    assert found, "needs slapd: apt-get install slapd"
    return found


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
