"""Processes that outlive the hub: in a session of their own, identified by pid and start time."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from plughub.classes.processes.descriptors import limit_of_launched
from plughub.classes.processes.identity import ProcessIdentity, start_of
from plughub.domain.timings import KILL_SECONDS, LAUNCH_SECONDS, PROCESS_POLL_SECONDS

MAX_LOG_BYTES: Final = 2 * 1024 * 1024
_LAUNCH: Final = 'ulimit -Sn "$1"; shift; "$@" >&2 & echo $!'
"""Makes the process a child of init, so that the end of its launcher does not affect it."""


def launch(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    user: str = "",
) -> ProcessIdentity:
    """Start a process that outlives this one. May block for a moment.

    Args:
        command: program and arguments. They must contain no secret: all users can read them.
        log: file for the process's output; truncated if it is too long.
        cwd: working directory.
        environment: environment variables; those of this process if omitted.
        user: system user who runs the process, which requires root; empty for the user of this process.

    Returns:
        The process, which may have ended already.

    Raises:
        FileNotFoundError: the program does not exist.
        KeyError: the user does not exist.
        OSError: the process cannot be started.
    """
    path = (environment or os.environ).get("PATH")
    program = shutil.which(cwd / command[0] if "/" in command[0] else command[0], path=path)
    if program is None:
        raise FileNotFoundError(f"there is no program {command[0]!r} on the PATH")
    trim(log)
    with os.fdopen(os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as output:
        shell = subprocess.run(  # noqa: S603 - the command is the administrator's
            ["/bin/sh", "-c", _LAUNCH, "sh", str(limit_of_launched()), program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=cwd,
            env=dict(environment) if environment is not None else None,
            start_new_session=True,
            timeout=LAUNCH_SECONDS,
            check=True,
            **_switch(user),
        )
    pid = int(shell.stdout)
    return ProcessIdentity(pid, start_of(pid) or "")


def end(process: ProcessIdentity, *, timeout: float = 5.0) -> None:
    """Terminate a process and all its descendants. Blocks until they have ended.

    Args:
        process: the process; nothing happens if it does not run.
        timeout: seconds between SIGTERM and SIGKILL.

    Raises:
        TimeoutError: the process survived SIGKILL.
    """
    if not process.is_running():
        return
    family = _family(process.pid)
    _signal(process, signal.SIGTERM)
    if _has_ended(process, timeout):
        _kill([member for member in family if member.pid != process.pid])
        return
    _kill([*_family(process.pid), *family])
    if not _has_ended(process, timeout):
        raise TimeoutError(f"process {process.pid} survived SIGKILL")


def who_listens(port: int) -> str:
    """Name the process that listens on a TCP port, for a message.

    Args:
        port: the port.

    Returns:
        `` (process 123, nginx)``, or an empty string if it is unknown.
    """
    pid = min(listening_pids(port), default=0)
    return f" (process {pid}{_name_of(pid)})" if pid else ""


def listening_pids(port: int) -> frozenset[int]:
    """Return the processes that listen on a TCP port, at any address, as far as this user may see them.

    Args:
        port: the port.
    """
    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return frozenset()
    return frozenset(
        connection.pid
        for connection in connections
        if connection.status == psutil.CONN_LISTEN and connection.pid and connection.laddr[1:2] == (port,)
    )


def wait_until_free(ip: str, port: int, *, seconds: float = 2.0) -> bool:
    """Wait until no process listens on a port. Blocks.

    A killed process holds its port for some milliseconds more.

    Args:
        ip: address; empty for all interfaces.
        port: the port.
        seconds: maximum time to wait.

    Returns:
        Whether the port is free.
    """
    deadline = time.monotonic() + seconds
    while not _is_free(ip, port):
        if time.monotonic() > deadline:
            return False
        time.sleep(PROCESS_POLL_SECONDS)
    return True


def last_lines(log: Path, lines: int = 10) -> list[str]:
    """Return the last lines of a log.

    Args:
        log: the file.
        lines: maximum number of lines.

    Returns:
        The lines, oldest first; none if the file does not exist.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except OSError:
        return []


def trim(log: Path) -> None:
    """Truncate a log that is longer than `MAX_LOG_BYTES`. Processes that append to it are not affected.

    Args:
        log: the file; may be missing.
    """
    try:
        if log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log, 0)
    except FileNotFoundError:
        return


def _switch(user: str) -> dict[str, Any]:
    """Return the arguments of ``subprocess`` that switch to a user and all their groups."""
    if not user:
        return {}
    account = pwd.getpwnam(user)
    if account.pw_uid == os.geteuid():
        return {}
    groups = os.getgrouplist(user, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def _is_free(ip: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.create_server((ip, port), family=family):
            return True
    except OSError as error:
        return error.errno != errno.EADDRINUSE


def _name_of(pid: int) -> str:
    try:
        return f", {psutil.Process(pid).name()}"
    except psutil.Error:
        return ""


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:
        return []


def _signal(process: ProcessIdentity, number: signal.Signals) -> None:
    if process.is_running():
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def _kill(members: Sequence[psutil.Process]) -> None:
    for member in members:
        try:
            member.kill()
        except psutil.Error:
            continue
    deadline = time.monotonic() + KILL_SECONDS
    while any(start_of(member.pid) for member in members if member.is_running()):
        if time.monotonic() > deadline:
            return
        time.sleep(PROCESS_POLL_SECONDS)


def _has_ended(process: ProcessIdentity, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while process.is_running():
        if time.monotonic() > deadline:
            return False
        time.sleep(PROCESS_POLL_SECONDS)
    return True
