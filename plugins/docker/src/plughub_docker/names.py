"""Creation of objects with unique names: wait while a name is still in use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from plughub_docker.engine import EngineError
from plughub_docker.timings import NAME_BACKOFF, NAME_SECONDS

T = TypeVar("T")


def retry_while_taken(make: Callable[[], T]) -> T:
    """Call ``make``, and retry while the name of the new object is taken.

    An engine reserves the name of a container before it lists the container, and frees the name after the
    removal. A request of a killed hub may still be in progress.

    Args:
        make: function that frees the name if it may, and creates the object. Blocks.

    Raises:
        EngineError: the name is still taken after 20 seconds, or another error occurred.
    """
    ends, pauses = time.monotonic() + NAME_SECONDS, NAME_BACKOFF.pauses()
    while True:
        try:
            return make()
        except EngineError as error:
            if not error.taken or time.monotonic() > ends:
                raise
        time.sleep(next(pauses))
