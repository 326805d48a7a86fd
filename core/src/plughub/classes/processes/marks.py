"""Marks in the environment of processes, to find those whose launcher died before it recorded them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from typing import Final

import psutil

from plughub.classes.processes.identity import ProcessIdentity, start_of
from plughub.domain.timings import FIND_LAUNCHED_SECONDS, PROCESS_POLL_SECONDS

VARIABLE: Final = "PLUGHUB_DETACHED"


def marked(environment: Mapping[str, str], mark: str) -> dict[str, str]:
    """Return an environment with a mark.

    Args:
        environment: of the process.
        mark: unique on this machine, such as the path of a directory.

    Returns:
        The environment for `launch`.
    """
    return {**environment, VARIABLE: mark}


def find_marked(mark: str) -> ProcessIdentity | None:
    """Find a process by its mark. Blocks while a launch with this mark is in progress.

    Args:
        mark: in the environment of the process.

    Returns:
        The topmost process with the mark; None if there is none.
    """
    deadline = time.monotonic() + FIND_LAUNCHED_SECONDS
    while True:
        found = {process.pid: process for process in _processes_with(mark)}
        if not any(map(_is_launching, found.values())) or time.monotonic() > deadline:
            break
        time.sleep(PROCESS_POLL_SECONDS)
    for process in found.values():
        try:
            if process.ppid() not in found and (started := start_of(process.pid)):
                return ProcessIdentity(process.pid, started)
        except psutil.Error:
            continue
    return None


def _processes_with(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            # Any user can set the mark in the environment of their own processes.
            if process.uids().real != os.getuid():
                continue
            if process.environ().get(VARIABLE) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue


def _is_launching(process: psutil.Process) -> bool:
    """Return whether a process is the launching shell, or its child before it executes the program."""
    try:
        return process.cmdline()[1:2] == ["-c"] and process.name() in {"sh", "dash", "bash"}
    except psutil.Error:
        return False
