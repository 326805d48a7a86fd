"""Timings of the Docker spawners, each with its unit and its reason."""

from __future__ import annotations

from typing import Final

from plughub.utils import Backoff

# ---- polling

POLL_SECONDS: Final = 5
"""Default poll interval in seconds: after a restart of the engine, a route may lead to another server that
long."""
SWARM_POLL_SECONDS: Final = 10
"""Default poll interval of services, in seconds: a swarm moves them itself, and all hubs query its
managers."""
LISTING_SECONDS: Final = 1.0
"""Greatest age of a list of containers, in seconds: one list serves the polls of all servers."""
WATCHED_LISTING_SECONDS: Final = 10.0
"""The same while the engine reports events, in seconds: each event drops the list, so that its age matters
only if an event is lost."""
TASK_ADDRESS_SECONDS: Final = 1.0
"""Greatest age of a task's known address, in seconds: several requests share one lookup."""
SETTLED_SECONDS: Final = 10.0
"""Seconds after a start in which the container is inspected by itself, which shows at once when it fails."""
COMING_BACK_SECONDS: Final = 60
"""Seconds after its end in which a restart policy may start a container again: the engine's longest delay."""
WATCH_GRACE_SECONDS: Final = 0.25
"""Seconds that the engine may take to answer before its containers count as unreachable."""
WATCH_RETRY_SECONDS: Final = 0.1
"""Delay in seconds before the hub subscribes to the engine's events again."""

# ---- starts and stops

PING_SECONDS: Final = 3.0
"""Seconds in which the engine must answer before the start page calls it unavailable."""

PROGRESS_POLL_SECONDS: Final = 0.1
"""Interval in seconds at which a start is checked for progress to report."""
CLONE_POLL_SECONDS: Final = 0.25
"""Poll interval in seconds for the container that clones a repository."""
TASK_BACKOFF: Final = Backoff(first=0.1, longest=1.0, factor=1.3)
"""Delays between polls of a task that starts or ends: most take a second."""
NAME_SECONDS: Final = 20.0
"""Longest wait in seconds for the name of a container that is being removed: longer than an engine takes."""
NAME_BACKOFF: Final = Backoff(first=0.1, longest=1.0, factor=1.5)
"""Delays between attempts to use that name."""
ENDING_SECONDS: Final = 20
"""Seconds beyond ``stop_timeout`` that a swarm may take to end a container."""
HOST_FOLDER_SECONDS: Final = 5.0
"""Seconds that the engine has to report whether a folder exists on its machine."""
