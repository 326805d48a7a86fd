"""Timings of the proxy, each with its unit and its reason.

HAProxy's own timeouts are in its configuration, see `plughub_haproxy.configuration`.
"""

from __future__ import annotations

from typing import Final

VERSION_SECONDS: Final = 10.0
"""Seconds that HAProxy has to print its version; the file may be on a slow disk."""
CHECK_SECONDS: Final = 10.0
"""Seconds that HAProxy has to check its configuration, which may have very many routes."""
START_SECONDS: Final = 10.0
"""Seconds until HAProxy accepts connections after its launch, on a machine that swaps."""
ANSWER_SECONDS: Final = 2.0
"""Seconds that a HAProxy process found running has to answer at its socket; a silent one is replaced."""
LOCK_SECONDS: Final = 20.0
"""Longest wait for another hub process that launches HAProxy, in seconds: longer than `START_SECONDS`."""
POLL_SECONDS: Final = 0.02
"""Poll interval in seconds for sockets and processes: they change within milliseconds."""
COMMAND_SECONDS: Final = 5.0
"""Seconds that HAProxy has to answer a command at its socket: a large table takes a moment."""
LOOKUP_SECONDS: Final = 5.0
"""Seconds that the system's resolver has to return the addresses of a target."""
BODY_SECONDS: Final = 30
"""Seconds in which a request body for the hub must arrive; a slower client gets status 408."""
ACTIVITY_DAYS: Final = 20
"""Life of an entry in the activity table, in days: HAProxy's timers overflow at 24 days."""
