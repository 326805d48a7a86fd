"""The containers of a hub as one list, so that looking at many servers costs one question to the engine."""

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
    """The latest list of one hub's containers; the lock lets one thread ask for all."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: float = -LISTING_SECONDS
    dropped: float = -LISTING_SECONDS
    containers: Listed = field(default_factory=dict)


_LISTS: Final[dict[tuple[str, str, str], _List]] = {}
_LOCK: Final = threading.Lock()


def listed_containers(engine: Engine, mark: str, plugin: str) -> Listed:
    """List the containers of a plugin that exist, running or not. It blocks.

    Args:
        engine: the engine.
        mark: of the hub.
        plugin: who launched them.

    Returns:
        What the engine says of each, by id; at most a second old.

    Raises:
        EngineError: the engine does not answer.
    """
    begun = time.monotonic()
    latest = _list_of(engine, mark, plugin)
    with latest.lock:
        if begun - latest.asked >= LISTING_SECONDS or latest.asked <= latest.dropped:
            asked = time.monotonic()
            wanted = [f"{marks.MARK}={mark}", f"{marks.PLUGIN}={plugin}"]
            with engine.asked() as client:
                found = client.containers(all=True, filters={"label": wanted})
            latest.containers, latest.asked = {one["Id"]: one for one in found}, asked
        return latest.containers


def drop(engine: Engine, mark: str, plugin: str) -> None:
    """Have the next question asked anew: something has changed. It never blocks.

    Args:
        engine: the engine.
        mark: of the hub.
        plugin: who launched the containers.
    """
    _list_of(engine, mark, plugin).dropped = time.monotonic()


def _list_of(engine: Engine, mark: str, plugin: str) -> _List:
    with _LOCK:
        return _LISTS.setdefault((engine.address, mark, plugin), _List())
