"""Limits of open files, of the hub and of the processes that it launches."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("plughub")
_initial_limit: list[int] = []


def raise_limit() -> int:
    """Raise this process's soft limit of open files to the hard limit.

    Returns:
        The new soft limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _initial_limit:
        _initial_limit.append(soft)
    if soft == hard:
        return hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.warning("cannot raise the limit of open files, which stays at %d: %s", soft, error)
        return soft
    log.info("raised the limit of open files from %d to %d", soft, hard)
    return hard


def limit_of_launched() -> int:
    """Return the soft limit of open files for launched programs: the one with which the hub was started."""
    return _initial_limit[0] if _initial_limit else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
