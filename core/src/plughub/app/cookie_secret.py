"""The secret that signs cookies."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from plughub.domain.errors import StartError, exit_code_of

BYTES: Final = 32
VARIABLE: Final = "JPY_COOKIE_SECRET"


def secret_of_environment() -> bytes:
    """Get the secret that stands in the environment.

    Returns:
        The secret; empty when there is none.

    Raises:
        StartError: it is not written in hexadecimal digits.
    """
    return secret_of_text(os.environ.get(VARIABLE, ""), f"{VARIABLE} in the environment")


def secret_of_text(text: str, name: str) -> bytes:
    """Decode a secret.

    Args:
        text: the secret in hexadecimal digits.
        name: where it stands, for the message.

    Returns:
        The secret.

    Raises:
        StartError: it is something else; the message does not show it.
    """
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise StartError(
            f"{name} is not written in hexadecimal digits",
            hint="set it to what `openssl rand -hex 32` prints",
        ) from error


def cookie_secret(given: bytes, file: Path) -> bytes:
    """Get the secret that signs cookies: the given one, or that of the file, which is made when missing.

    Args:
        given: of the configuration or the environment; empty for none.
        file: holds 32 bytes in hexadecimal digits, or in base64 as old JupyterHubs wrote it.

    Returns:
        The secret.

    Raises:
        StartError: the file is open to others, or holds something else.
    """
    if given:
        return given
    try:
        return _read(file) if file.exists() else _make(file)
    except OSError as error:
        raise StartError(
            f"the cookie secret cannot be read or made: {file}: {error.strerror}",
            exit_code=exit_code_of(error),
        ) from error


def _read(file: Path) -> bytes:
    if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise StartError(f"the cookie secret is open to everybody: {file}", hint=f"chmod 600 {file}")
    text = file.read_text(errors="replace").strip()
    try:
        return binascii.a2b_hex(text)
    except binascii.Error:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise StartError(
            f"the cookie secret is neither hexadecimal nor base64: {file}",
            hint="remove the file: a new one is made, and everybody logs in anew",
        ) from error


def _make(file: Path) -> bytes:
    secret = secrets.token_bytes(BYTES)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secret.hex() + "\n")
    return secret
