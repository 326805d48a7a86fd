"""Sentences for people: why a start failed."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account

SINGLEUSER: Final = "jupyterhub-singleuser"
NO_COMMAND: Final = "the program of the server cannot be run on the machine of the hub"


def find_command(name: str, path: str, setting: str) -> str:
    """Find a command on the search path, or beside the Python that runs the hub.

    Args:
        name: the command, with or without a folder.
        path: the server's PATH.
        setting: the setting that names the command, for messages.

    Returns:
        Where it is.

    Raises:
        SpawnFailed: it is nowhere, or it is not executable.
    """
    expanded = str(Path(name).expanduser()) if name.startswith("~") else name
    if found := shutil.which(expanded, path=path):
        return found
    beside = Path(sys.executable).parent / expanded
    if os.sep not in expanded and os.access(beside, os.X_OK):
        return str(beside)
    if os.sep not in expanded:
        raise _no_command(f"command not found: {name!r} ({setting}){_what_to_install(name)}")
    if not Path(expanded).is_absolute():
        return expanded  # below the folder of the server, which only the user may be able to enter
    if Path(expanded).exists():
        raise _no_command(f"not executable: {name!r} ({setting})")
    raise _no_command(f"command not found: {name!r} ({setting})")


def _no_command(detail: str) -> SpawnFailed:
    return SpawnFailed(NO_COMMAND, detail=detail, retry=False)


def _what_to_install(name: str) -> str:
    return "; pip install 'plughub-localprocess[jupyter]'" if name == SINGLEUSER else ""


def explain_step(
    fact: Mapping[str, Any], argv: Sequence[str], folder: str, account: Account | None
) -> SpawnFailed:
    """Say which step of a launch failed, and why.

    Args:
        fact: what the launcher reported.
        argv: the command.
        folder: where the server should run.
        account: the system user, None for the hub's own.

    Returns:
        The failure, with paths and settings in its detail.
    """
    step, message, number = fact["step"], fact["message"], fact["errno"]
    who = f"user {account.name!r}" if account else "the hub's user"
    if step == "home":
        said = f"the home folder of {who} {'is missing' if number == errno.ENOENT else 'cannot be entered'}"
        return SpawnFailed(said, detail=f"{folder!r} {_why_not_entered(number, message)}", retry=False)
    if step == "switch":
        return SpawnFailed(f"the hub cannot start a process as {who}", detail=message, retry=False)
    if step == "session":
        detail = f"LocalProcessSpawner.pam_session: {message}"
        return SpawnFailed(f"no PAM session for {who} can be opened", detail=detail, retry=False)
    return _no_command(_why_not_run(argv[0], number, message, who))


def _why_not_entered(number: int, message: str) -> str:
    if number == errno.ENOENT:
        return "is missing: create it, for example with mkhomedir_helper"
    return f"cannot be entered: {message}"


def _why_not_run(command: str, number: int, message: str, who: str) -> str:
    if number == errno.ENOENT:
        return (
            f"command not found: {command!r} (Spawner.cmd), or the interpreter in its first line is missing"
        )
    if number == errno.EACCES:
        real = str(Path(command).resolve())
        place = f"{command!r}, which leads to {real!r}" if real != command else repr(command)
        return f"not executable for {who}: {place} (Spawner.cmd): {message}"
    return f"{command!r} (Spawner.cmd) cannot be run: {message}"
