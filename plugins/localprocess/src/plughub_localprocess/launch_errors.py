"""Errors that explain why a start failed."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account

SINGLEUSER: Final = "jupyterhub-singleuser"
NO_COMMAND: Final = "the command of the server cannot be run on the machine of the hub"


def find_command(name: str, path: str, setting: str) -> str:
    """Return the path of a command, from the search path or beside the hub's Python.

    Args:
        name: command, with or without a folder.
        path: PATH of the server.
        setting: setting that contains the command, for messages.

    Raises:
        SpawnFailed: the command is missing or not executable.
    """
    expanded = str(Path(name).expanduser()) if name.startswith("~") else name
    if found := shutil.which(expanded, path=path):
        return found
    sibling = Path(sys.executable).parent / expanded
    if os.sep not in expanded and os.access(sibling, os.X_OK):
        return str(sibling)
    if os.sep not in expanded:
        raise _no_command(f"command not found: {name!r} ({setting}){_what_to_install(name)}")
    if not Path(expanded).is_absolute():
        return expanded  # relative to the server's folder, which perhaps only the user can enter
    if Path(expanded).exists():
        raise _no_command(f"not executable: {name!r} ({setting})")
    raise _no_command(f"command not found: {name!r} ({setting})")


def _no_command(detail: str) -> SpawnFailed:
    return SpawnFailed(NO_COMMAND, detail=detail, retry=False)


def _what_to_install(name: str) -> str:
    return "; pip install 'plughub-localprocess[jupyter]'" if name == SINGLEUSER else ""


def launch_error(
    fact: Mapping[str, Any], argv: Sequence[str], folder: str, account: Account | None
) -> SpawnFailed:
    """Return the error for a failed step of the launch.

    Args:
        fact: report of the launcher.
        argv: the command.
        folder: working directory of the server.
        account: system account; None for the hub's own.
    """
    step, message, number = fact["step"], fact["message"], fact["errno"]
    owner = f"user {account.name!r}" if account else "the hub's user"
    if step == "home":
        problem = (
            f"the home folder of {owner} {'is missing' if number == errno.ENOENT else 'cannot be entered'}"
        )
        return SpawnFailed(problem, detail=f"{folder!r} {_why_not_entered(number, message)}", retry=False)
    if step == "switch":
        return SpawnFailed(f"the hub cannot start a process as {owner}", detail=message, retry=False)
    if step == "session":
        detail = f"LocalProcessSpawner.pam_session: {message}"
        return SpawnFailed(f"no PAM session can be opened for {owner}", detail=detail, retry=False)
    blocked_by, program = fact.get("obstacle") or ("", "")
    if number == errno.EACCES and blocked_by:
        why = explain_obstacle(blocked_by, program, argv[0])
        return _no_command(f"not executable for {owner}: {argv[0]!r} (Spawner.cmd): {why}")
    return _no_command(_why_not_run(argv[0], number, message, owner))


def explain_obstacle(path: str, program: str, command: str) -> str:
    """Explain which folder or file is in the way, and what to do."""
    is_command = program == str(Path(command).absolute())
    what = "it" if is_command else f"the interpreter in its first line, {program!r},"
    try:
        found = Path(path).stat()
        owner = pwd.getpwuid(found.st_uid).pw_name
        mode = f" ({stat.filemode(found.st_mode)}, owner {owner})"
    except (OSError, KeyError):
        mode = ""
    if Path(path).is_dir():
        return (
            f"{what} leads through the folder {path!r}{mode}, which the account cannot enter. Install "
            "the environment of the servers where all users can read it, such as below /opt"
        )
    return f"{path!r} must be executable for the account{mode}: chmod a+rx {path}"


def _why_not_entered(number: int, message: str) -> str:
    if number == errno.ENOENT:
        return "is missing: create it, for example with mkhomedir_helper"
    return f"cannot be entered: {message}"


def _why_not_run(command: str, number: int, message: str, owner: str) -> str:
    if number == errno.ENOENT:
        return (
            f"command not found: {command!r} (Spawner.cmd), or the interpreter in its first line is missing"
        )
    if number == errno.EACCES:
        real = str(Path(command).resolve())
        place = f"{command!r}, a link to {real!r}" if real != command else repr(command)
        return f"not executable for {owner}: {place} (Spawner.cmd): {message}"
    return f"{command!r} (Spawner.cmd) cannot be run: {message}"
