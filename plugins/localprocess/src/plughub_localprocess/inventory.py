"""Servers that run on this machine under the hub's mark, recorded or not."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from plughub.processes import ProcessIdentity, start_of
from plughub.spawner import Found, ServerAddress
from plughub_localprocess.groups import environment_of


def find_servers(mark: str, plugin: str, *, own_accounts: bool) -> list[Found]:
    """Find the servers of a hub among all processes.

    Args:
        mark: the hub's mark.
        plugin: plugin that launched them.
        own_accounts: each server runs as the system account of its user; a process that claims to be the
            server of another user is ignored.
    """
    found = []
    for pid, environment in _leaders(mark, plugin):
        server = _describe(pid, environment)
        if server is not None and (not own_accounts or _runs_as(pid, server.user)):
            found.append(server)
    return found


def _leaders(mark: str, plugin: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the launched processes themselves; their descendants inherit the variables too."""
    for pid in psutil.pids():
        if not _leads_session(pid) or not start_of(pid):
            continue
        environment = environment_of(pid)
        if environment.get("PLUGHUB_MARK") == mark and environment.get("PLUGHUB_LEADER") == f"{plugin}:{pid}":
            yield pid, environment


def _describe(pid: int, environment: Mapping[str, str]) -> Found | None:
    identity = ProcessIdentity.of(pid)
    if identity is None:
        return None
    user, _, name = environment.get("PLUGHUB_SERVER", "").partition("/")
    operation = environment.get("PLUGHUB_OPERATION", "")
    return Found(
        operation=operation,
        user=user,
        server=name,
        url=_address(environment.get("JUPYTERHUB_SERVICE_URL", "")),
        state=state_of(identity, operation),
    )


def state_of(identity: ProcessIdentity, operation: str) -> dict[str, Any]:
    """Return the state by which a restarted hub finds a server.

    Args:
        identity: process of the server.
        operation: operation id of its start.
    """
    return {**identity.as_state(), "operation": operation}


def _address(service_url: str) -> str:
    address = ServerAddress()
    try:
        address.move_to(service_url)
    except ValueError:
        return ""
    return address.host


def _leads_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


def _runs_as(pid: int, user: str) -> bool:
    try:
        return psutil.Process(pid).uids().real == pwd.getpwnam(user).pw_uid
    except (psutil.Error, KeyError):
        return False
