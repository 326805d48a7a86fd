"""Every timing of the Docker spawners with its reason. Seconds."""

from __future__ import annotations

from typing import Final

from plughub.utils import Backoff

# ---- polling

POLL_SECONDS: Final = 5
"""A route that leads to another server, after a restart of the engine, stands no longer than this."""
SWARM_POLL_SECONDS: Final = 10
"""A swarm moves servers by itself, and its managers are asked by all hubs."""
LISTING_SECONDS: Final = 1.0
"""How old a list of containers may be: one list serves the polls of all servers."""
TASK_ADDRESS_SECONDS: Final = 1.0
"""How old the known address of a task may be."""
SETTLED_SECONDS: Final = 10.0
"""For this long the engine is asked about each server by itself, which tells a start that fails at once."""
COMING_BACK_SECONDS: Final = 60
"""A container that ended this recently may be started again by its restart policy."""
WATCH_GRACE_SECONDS: Final = 0.25
"""For this long the engine may take to answer again before its containers count as unreachable."""
WATCH_RETRY_SECONDS: Final = 0.1
"""Between tries to follow the events of the engine again."""

# ---- starts and stops

PROGRESS_POLL_SECONDS: Final = 0.1
"""Interval at which a start is checked for progress to report."""
CLONE_POLL_SECONDS: Final = 0.25
"""Between looks whether the container that clones a repository has ended."""
TASK_BACKOFF: Final = Backoff(first=0.1, longest=1.0, factor=1.3)
"""Between looks at the task of a service that starts or ends."""
NAME_SECONDS: Final = 20.0
"""A name that is about to be free is waited for: longer than an engine takes to remove a container."""
NAME_BACKOFF: Final = Backoff(first=0.1, longest=1.0, factor=1.5)
"""Between tries to take it."""
ENDING_SECONDS: Final = 20
"""How much longer than ``stop_timeout`` a swarm may take to end a container."""
HOST_FOLDER_SECONDS: Final = 5.0
"""The engine tells whether a folder of the host is there."""
