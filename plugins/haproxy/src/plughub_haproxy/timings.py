"""Every timing of the proxy with its reason. Seconds, unless the name says otherwise.

The time-outs of HAProxy itself stand in its configuration, see `plughub_haproxy.configuration`.
"""

from __future__ import annotations

from typing import Final

VERSION_SECONDS: Final = 10.0
"""HAProxy tells its version."""
CHECK_SECONDS: Final = 10.0
"""HAProxy checks a configuration with very many routes."""
START_SECONDS: Final = 10.0
"""HAProxy accepts connections after its launch, on a machine that swaps."""
ANSWER_SECONDS: Final = 2.0
"""A process found again answers at its socket; one that does not is not used."""
LOCK_SECONDS: Final = 20.0
"""Another hub process launches HAProxy: longer than `START_SECONDS`."""
POLL_SECONDS: Final = 0.02
"""Between looks at what changes within milliseconds."""
COMMAND_SECONDS: Final = 5.0
"""HAProxy answers a command at its socket: a large table takes a moment."""
LOOKUP_SECONDS: Final = 5.0
"""The resolver of the system answers with the addresses of a target."""
BODY_SECONDS: Final = 30
"""A body to the hub has arrived; a slower client is answered with 408."""
ACTIVITY_DAYS: Final = 20
"""Days of the table of activity: HAProxy's timers end at 24 days."""
