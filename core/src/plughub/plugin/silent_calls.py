"""Names the plugin whose code does not return while the hub starts, or while a command checks it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from plughub.domain.timings import SILENT_PLUGIN_SECONDS
from plughub.plugin.running_code import calls_of, place_in

log = logging.getLogger("plughub.plugin")


@contextlib.contextmanager
def naming_silence(what: str) -> Iterator[None]:
    """Log what the hub waits for if a call does not return soon.

    The call itself cannot be ended, because Python cannot end a thread.

    Args:
        what: the call, such as ``plugin 'quota' in hub_configure``.
    """
    thread, seconds = threading.get_ident(), SILENT_PLUGIN_SECONDS
    before = calls_of(thread)

    def report() -> None:
        place = place_in(thread, before)
        text = f"the hub has been waiting for {what} for {seconds:g} s {place}".rstrip()
        # Not log.warning(): the search for problems disables the log, and would wait silently.
        log.handle(log.makeRecord(log.name, logging.WARNING, __file__, 0, text, (), None))

    timer = threading.Timer(seconds, report)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        before = frozenset()  # frames keep their variables alive
