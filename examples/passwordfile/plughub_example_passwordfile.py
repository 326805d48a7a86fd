"""An authenticator in two functions: names and hashed passwords stand in a file.

Each line is ``name:salt:hash``; ``python -m plughub_example_passwordfile name`` asks for a password and
prints one.
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
    read(file)  # a file that cannot be read stops the start of the hub, with this plugin's name
    files[:] = [file]


@hookimpl
def hub_authenticate(login: Login) -> Identity | None:
    known = read(files[0])
    # somebody who is not known takes as long as somebody who is: the answer tells nobody who has an account
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
