"""Authenticator in two functions that reads names and hashed passwords from a file.

Each line is ``name:salt:hash``. ``python -m plughub_example_passwordfile name`` asks for a password and
prints a line.
"""

import getpass
import hashlib
import hmac
import secrets
import sys
from pathlib import Path

from plughub import hookimpl
from plughub.kinds import HubContext, Identity, Login

DEFAULT = "passwords.txt"
files: list[Path] = []


@hookimpl
def hub_configure(context: HubContext) -> None:
    file = Path(context.settings.get("file", DEFAULT)).absolute()
    read(file)  # an unreadable file aborts the hub's startup with an error that names this plugin
    files[:] = [file]


@hookimpl
def hub_authenticate(login: Login) -> Identity | None:
    known = read(files[0])
    # Hash the password for unknown names, too: the response time must not reveal which names exist.
    salt, expected = known.get(login.username, (secrets.token_hex(16), ""))
    matches = hmac.compare_digest(hashed(login.password, salt), expected)
    return Identity(name=login.username) if matches else None


def read(file: Path) -> dict[str, tuple[str, str]]:
    lines = [line.split(":") for line in file.read_text().splitlines() if line.strip()]
    return {name: (salt, digest) for name, salt, digest in lines}


def hashed(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()


def line(name: str, password: str) -> str:
    salt = secrets.token_hex(16)
    return f"{name}:{salt}:{hashed(password, salt)}"


if __name__ == "__main__":
    sys.stdout.write(line(sys.argv[1], getpass.getpass()) + "\n")
