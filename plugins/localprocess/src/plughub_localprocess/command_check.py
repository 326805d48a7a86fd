"""Check whether the command of the servers can be run, before the first start."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from plughub.spawner import Diagnosis, Spawner, SpawnFailed
from plughub_localprocess.launch_errors import NO_COMMAND, explain_obstacle, find_command
from plughub_localprocess.launcher import find_obstacle


def check_command(spawner: Spawner, *, own_accounts: bool) -> Diagnosis | None:
    """Return why no server can run its command, as far as that depends on no user; None if it can.

    Args:
        spawner: a spawner that belongs to no server.
        own_accounts: whether servers run as the accounts of their users.
    """
    search_path = spawner.environment.get("PATH") or os.environ.get("PATH", os.defpath)
    if spawner.pre_spawn_hook or spawner.profiles or callable(search_path):
        return None  # which may change the command for each server
    try:
        command = find_command(spawner.cmd[0], str(search_path), "Spawner.cmd")
    except SpawnFailed as error:
        return Diagnosis(f"{error.message}.", detail=error.detail)
    blocked_by, program = find_obstacle(command, _is_open_to_others)
    if not own_accounts or os.geteuid() != 0 or not blocked_by:
        return None
    why = explain_obstacle(blocked_by, program, command)
    return Diagnosis(f"{NO_COMMAND}.", detail=f"only root can run {command!r} (Spawner.cmd): {why}")


def _is_open_to_others(path: str) -> bool:
    # The bits of the group are also the upper limit of an access control list.
    return bool(Path(path).stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH))
