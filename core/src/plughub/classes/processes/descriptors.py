"""How many descriptors the hub may have, and what it launches."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("plughub")
_given: list[int] = []


def raise_limit() -> int:
    """Raise the soft limit of descriptors of this process to the hard one.

    Returns:
        The limit that holds from now on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _given:
        _given.append(soft)
    if soft == hard:
        return hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as error:
        log.warning("the limit of open files stays at %d: %s", soft, error)
        return soft
    log.info("the limit of open files is raised from %d to %d", soft, hard)
    return hard


def limit_of_launched() -> int:
    """Return the soft limit for a program that the hub launches: the one with which the hub was started.

    Returns:
        How many descriptors.
    """
    return _given[0] if _given else resource.getrlimit(resource.RLIMIT_NOFILE)[0]
