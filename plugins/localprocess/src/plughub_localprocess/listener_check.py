"""Check whether a server itself listens at its address, or another process that took its port."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

from plughub.processes import ProcessIdentity, listeners_at, owns_address
from plughub_localprocess.groups import has_marks

_MOST_GENERATIONS = 64


def server_listens(
    url: str, leader: ProcessIdentity, marks: Mapping[str, str], *, uid: int | None = None
) -> bool:
    """Return whether the processes of a server, and no others, accept connections at a URL. Blocks.

    Args:
        url: URL of the server.
        leader: the launched process.
        marks: environment variables that its descendants inherit.
        uid: the user's id, which is sufficient proof where the server's descriptors cannot be read; None when
            servers share one user id.

    Returns:
        False also when no process listens there, or the server has ended.

    Raises:
        PermissionError: the hub cannot find out.
    """
    if not leader.is_running():
        return False
    return owns_address(url, _processes(url, leader, marks), uid=uid)


def describe_listeners(url: str) -> str:
    """Return the users whose processes listen at a URL, such as ``user 'mallory'``; empty if none."""
    uids = sorted({one.uid for one in listeners_at(url)})
    return " and ".join(f"user {_name(uid)}" for uid in uids)


def _processes(url: str, leader: ProcessIdentity, marks: Mapping[str, str]) -> Iterator[int]:
    """Yield the processes of a server, the most likely listeners first."""
    # A process belongs to the server by its session or group, which others cannot enter; by descent; or by
    # the marks, which only its own user can read.
    yield leader.pid
    pids = psutil.pids()
    yield from (pid for pid in pids if pid != leader.pid and _is_member(pid, leader.pid))
    # Check other processes only if their user owns a socket at the address.
    owners = {one.uid for one in listeners_at(url)}
    leader_uid = _owner(leader.pid)
    for pid in pids:
        owner = _owner(pid)
        if owner not in owners or _is_member(pid, leader.pid):
            continue
        if _descends(pid, leader.pid) or (owner == leader_uid and has_marks(pid, marks)):
            yield pid


def _is_member(pid: int, leader: int) -> bool:
    try:
        return pid > 0 and leader in {os.getsid(pid), os.getpgid(pid)}
    except (ProcessLookupError, PermissionError):
        return False


def _descends(pid: int, leader: int) -> bool:
    for _ in range(_MOST_GENERATIONS):
        try:
            pid = psutil.Process(pid).ppid()
        except psutil.Error:
            return False
        if pid in {0, 1, leader}:
            return pid == leader
    return False


def _owner(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return -1


def _name(uid: int) -> str:
    try:
        return repr(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return str(uid)
