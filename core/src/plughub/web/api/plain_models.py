"""What users and plugins had the hub store, as a model shows it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from cachetools import LRUCache

from plughub.domain.errors import InvalidError
from plughub.domain.plain_json import plain_json

log = logging.getLogger("plughub.web")
_reported: Final[LRUCache[tuple[str, str], str]] = LRUCache(1000)
"""What was logged already: lists are read all the time."""


def shown(value: Mapping[str, Any], what: str, name: str) -> dict[str, Any]:
    """Return a stored object for a model; an empty one when no client could read it.

    An older hub, a plugin or an administrator's script may have stored what is no JSON, and one row must not
    keep a list from being shown.

    Args:
        value: as stored.
        what: what it is, such as ``options of server``.
        name: whose it is.

    Returns:
        Plain JSON.
    """
    if not value:
        return {}
    try:
        return plain_json(value, f"the {what} {name!r}")
    except InvalidError as error:
        if _reported.get((what, name)) != error.message:
            _reported[what, name] = error.message
            log.warning("not shown in models: %s", error.message)
        return {}
