"""Cached list of a hub's containers, so that polling many servers takes one request to the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub_docker import marks
from plughub_docker.engine import Engine
from plughub_docker.timings import LISTING_SECONDS

Listed = Mapping[str, Mapping[str, Any]]


@dataclass
class _List:
    """Latest list of one hub's containers; the lock lets one thread fetch it for all."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    fetched_at: float = -LISTING_SECONDS
    invalidated_at: float = -LISTING_SECONDS
    containers: Listed = field(default_factory=dict)


_LISTS: Final[dict[tuple[str, str, str], _List]] = {}
_LOCK: Final = threading.Lock()


def listed_containers(engine: Engine, mark: str, plugin: str, seconds: float) -> Listed:
    """Return a plugin's containers by id, running or not. Blocks.

    Args:
        engine: the engine.
        mark: the hub's mark.
        plugin: name of the plugin.
        seconds: greatest age of the list.

    Raises:
        EngineError: the engine does not answer.
    """
    started = time.monotonic()
    latest = _list_of(engine, mark, plugin)
    with latest.lock:
        if started - latest.fetched_at >= seconds or latest.fetched_at <= latest.invalidated_at:
            fetched_at = time.monotonic()
            wanted = [f"{marks.MARK}={mark}", f"{marks.PLUGIN}={plugin}"]
            with engine.request() as client:
                found = client.containers(all=True, filters={"label": wanted})
            latest.containers, latest.fetched_at = {one["Id"]: one for one in found}, fetched_at
        return latest.containers


def invalidate(engine: Engine, mark: str, plugin: str) -> None:
    """Drop the cached list, because something has changed. Does not block."""
    _list_of(engine, mark, plugin).invalidated_at = time.monotonic()


def _list_of(engine: Engine, mark: str, plugin: str) -> _List:
    with _LOCK:
        return _LISTS.setdefault((engine.address, mark, plugin), _List())
