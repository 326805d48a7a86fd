"""Stored JSON of users and plugins, cleaned for models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from cachetools import LRUCache

from plughub.domain.errors import InvalidError
from plughub.domain.plain_json import plain_json

log = logging.getLogger("plughub.web")
_reported: Final[LRUCache[tuple[str, str], str]] = LRUCache(1000)
"""Warnings already logged; lists are read all the time."""


def shown(value: Mapping[str, Any], what: str, name: str) -> dict[str, Any]:
    """Return stored data for a model, or an empty object if it is no valid JSON.

    An older hub, a plugin or a script may have stored invalid data, and one row must not break a whole list.

    Args:
        value: as stored.
        what: kind of data, such as ``options of server``; for the log.
        name: owner of the data; for the log.
    """
    if not value:
        return {}
    try:
        return plain_json(value, f"the {what} {name!r}")
    except InvalidError as error:
        if _reported.get((what, name)) != error.message:
            _reported[what, name] = error.message
            log.warning("leaving out stored data of a model: %s", error.message)
        return {}
