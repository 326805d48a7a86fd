"""Reflectors of KubeSpawner: copies of the cluster's state that all instances of the class share."""

from __future__ import annotations

from typing import Any


def drop_failed_reflectors(cls: type) -> None:
    """Remove reflectors that no longer follow the cluster, so that the next call of the class starts others.

    KubeSpawner keeps a reflector that could not read the cluster, and takes it for a cluster without pods.
    It also keeps one that has given up, with its last state.

    Args:
        cls: a spawner class; nothing happens without an attribute ``reflectors``.
    """
    reflectors: Any = getattr(cls, "reflectors", None)
    if not isinstance(reflectors, dict):
        return
    for key, reflector in list(reflectors.items()):
        loaded = getattr(reflector, "first_load_future", None)
        watching = getattr(reflector, "watch_task", None)
        if loaded is not None and loaded.done() and (watching is None or watching.done()):
            if not loaded.cancelled():
                loaded.exception()  # asyncio reports an exception that nothing has read
            del reflectors[key]
