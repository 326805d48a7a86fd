"""Secret that signs cookies."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from plughub.app.file_checks import check_writable
from plughub.domain.errors import StartError, exit_code_of

BYTES: Final = 32
VARIABLE: Final = "JPY_COOKIE_SECRET"


def secret_of_environment() -> bytes:
    """Return the secret of the environment; empty if it is not set."""
    return secret_of_text(os.environ.get(VARIABLE, ""), f"{VARIABLE} in the environment")


def secret_of_text(text: str, name: str) -> bytes:
    """Decode a secret of hexadecimal digits.

    Args:
        text: the digits.
        name: setting or variable, for the message.

    Raises:
        StartError: it contains anything else; the message does not show it.
    """
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise StartError(
            f"{name} must consist of hexadecimal digits",
            hint="set it to the output of `openssl rand -hex 32`",
        ) from error


def check_cookie_secret(given: bytes, file: Path) -> None:
    """Check that `cookie_secret` will succeed, without creating the file.

    Raises:
        StartError: the file cannot be used, or not be created.
    """
    if given:
        return
    if file.exists():
        cookie_secret(given, file)
    else:
        check_writable(file, "cookie_secret_file")


def cookie_secret(given: bytes, file: Path) -> bytes:
    """Return the given secret, or that of the file, which is created if missing.

    Args:
        given: of the configuration or the environment; empty for none.
        file: contains the secret in hexadecimal digits, or in base64 as old versions of JupyterHub wrote it.

    Raises:
        StartError: other users can read or write the file, or it contains something else.
    """
    if given:
        return given
    try:
        return _read(file) if file.exists() else _create(file)
    except OSError as error:
        raise StartError(
            f"the cookie secret file cannot be read or created: {file}: {error.strerror}",
            exit_code=exit_code_of(error),
        ) from error


def _read(file: Path) -> bytes:
    if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise StartError(f"other users can access the cookie secret file: {file}", hint=f"chmod 600 {file}")
    text = file.read_text(errors="replace").strip()
    try:
        return binascii.a2b_hex(text)
    except binascii.Error:
        pass
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise StartError(
            f"the cookie secret file is neither hexadecimal nor base64: {file}",
            hint="remove the file: the hub creates a new one, and all users have to log in again",
        ) from error


def _create(file: Path) -> bytes:
    secret = secrets.token_bytes(BYTES)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(secret.hex() + "\n")
    return secret
