"""Reflectors of KubeSpawner: copies of the cluster's state that all instances of the class share."""

from __future__ import annotations

import asyncio
from typing import Any


class SharedReflectors(dict[Any, Any]):
    """Reflectors by key, each loaded by the task that adds it.

    If that task is cancelled, KubeSpawner leaves a reflector for whose first load every later call waits.
    """

    def __setitem__(self, key: Any, reflector: Any) -> None:
        """Add a reflector. Its first load fails if this task ends before."""
        super().__setitem__(key, reflector)
        loaded, task = getattr(reflector, "first_load_future", None), asyncio.current_task()
        if loaded is not None and task is not None:
            task.add_done_callback(lambda _task: _end_load(loaded))


def _end_load(loaded: asyncio.Future[Any]) -> None:
    if not loaded.done():
        loaded.set_exception(
            RuntimeError("the call that began to read the state of the cluster was cancelled")
        )


def drop_failed_reflectors(cls: type) -> None:
    """Remove reflectors that no longer follow the cluster, so that the next call of the class starts others.

    KubeSpawner keeps a reflector that could not read the cluster, and takes it for a cluster without pods.
    It also keeps one that has given up, with its last state. Replace its dict by one that ends cancelled
    loads.

    Args:
        cls: a spawner class; nothing happens without an attribute ``reflectors``.
    """
    reflectors: Any = getattr(cls, "reflectors", None)
    if not isinstance(reflectors, dict):
        return
    if not isinstance(reflectors, SharedReflectors):
        owner: Any = next(parent for parent in cls.__mro__ if "reflectors" in vars(parent))
        owner.reflectors = reflectors = SharedReflectors(reflectors)
    for key, reflector in list(reflectors.items()):
        loaded = getattr(reflector, "first_load_future", None)
        watching = getattr(reflector, "watch_task", None)
        if loaded is not None and loaded.done() and (watching is None or watching.done()):
            if not loaded.cancelled():
                loaded.exception()  # asyncio reports an exception that nothing has read
            del reflectors[key]
