"""The hub's event loop, which code of plugins cannot end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, TypeVar

from plughub.plugin.hook_calls import describe
from plughub.plugin.running_code import blame_error

T = TypeVar("T")
log = logging.getLogger("plughub.plugin")


class HubLoop(asyncio.SelectorEventLoop):
    """Event loop that continues after a callback or a task raised `SystemExit` or `KeyboardInterrupt`.

    asyncio ends the loop then, although only code of a plugin can mean to: the hub ends itself otherwise, and
    handles signals. Hooks and handlers of pages are contained where they are called. What remains are
    callbacks and tasks that plugins created themselves.
    """

    _main: asyncio.Future[Any] | None = None

    def run_until_complete(self, future: Awaitable[T]) -> T:  # type: ignore[override]
        """Run until a future is done; what it raises itself is raised."""
        before, self._main = self._main, asyncio.ensure_future(future, loop=self)
        try:
            result: T = super().run_until_complete(self._main)
            return result
        finally:
            self._main = before

    def run_forever(self) -> None:
        """Run until the loop is stopped."""
        reported: BaseException | None = None
        while True:
            try:
                return super().run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                if self._main is None or self._main.done():
                    raise
                if error is not reported:  # the callbacks of a failed task raise its error once more
                    where = blame_error(error)
                    log.error(
                        "an attempt to end the hub %s was ignored: %s", where, describe(error), exc_info=error
                    )
                reported = error
