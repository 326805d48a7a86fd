"""Finding a process again whose launcher died before it could write down what it had launched."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Final

import psutil

from plughub.classes.processes.identity import ProcessIdentity, start_of

VARIABLE: Final = "PLUGHUB_DETACHED"
_LAUNCH_SECONDS: Final = 5.0
_PAUSE: Final = 0.02


def marked(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Give an environment by which a process can be found.

    Args:
        environment: of the process.
        mark: what no other process on this machine has, a folder for instance.

    Returns:
        The environment for `launch`.
    """
    return {**environment, VARIABLE: mark}


def find_marked(mark: str) -> ProcessIdentity | None:
    """Find what was launched with a mark. It may block for a moment: while a launch goes on.

    Args:
        mark: that of the environment.

    Returns:
        The process that is nobody's child; None when there is none.
    """
    deadline = time.monotonic() + _LAUNCH_SECONDS
    while True:
        found = {process.pid: process for process in _carriers(mark)}
        if not any(map(_launches, found.values())) or time.monotonic() > deadline:
            break
        time.sleep(_PAUSE)
    for process in found.values():
        try:
            if process.ppid() not in found and (started := start_of(process.pid)):
                return ProcessIdentity(process.pid, started)
        except psutil.Error:
            continue
    return None


def _carriers(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            # Any user may put the mark into the environment of a process of their own.
            if process.uids().real != os.getuid():
                continue
            if process.environ().get(VARIABLE) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue


def _launches(process: psutil.Process) -> bool:
    """Tell whether it is the shell that launches, or its child that is not yet what it will be."""
    try:
        return process.cmdline()[1:2] == ["-c"] and process.name() in {"sh", "dash", "bash"}
    except psutil.Error:
        return False
