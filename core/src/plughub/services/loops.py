"""Work that goes on for as long as the hub runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

log = logging.getLogger("plughub.loops")
AGAIN_SECONDS: Final = 1.0


async def for_ever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do work that never ends; when it fails nevertheless, that is logged and it is begun again.

    Args:
        work: what to do.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed and is begun again", work.__qualname__)
        await asyncio.sleep(AGAIN_SECONDS)
