"""Names of containers and services: one that is about to be free is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from plughub_docker.engine import EngineError
from plughub_docker.timings import NAME_BACKOFF, NAME_SECONDS

T = TypeVar("T")


def when_free(make: Callable[[], T]) -> T:
    """Make something that needs a name; again where the name was taken meanwhile.

    An engine takes a name as soon as it begins to make a container, before it lists it, and frees it when it
    has removed one. What a hub asked for that was killed may come at any moment.

    Args:
        make: looks who has the name, makes room where it may, and makes the new thing; in a thread.

    Returns:
        What was made.

    Raises:
        EngineError: the name is taken still, after 20 seconds; or something else is wrong.
    """
    ends, pauses = time.monotonic() + NAME_SECONDS, NAME_BACKOFF.pauses()
    while True:
        try:
            return make()
        except EngineError as error:
            if not error.taken or time.monotonic() > ends:
                raise
        time.sleep(next(pauses))
