"""Hubs that are killed at random moments while people start and stop servers."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Self

import docker

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess
from plughub_docker.marks import OPERATION, USER

DOWN: Final = (OSError, http.client.HTTPException, ValueError)
"""Errors while the hub is down: connections are refused, or the proxy answers with a page."""
LONGEST_LIFE: Final = 3.0
_CALLERS: Final = 10
_PAUSE: Final = 0.1


class Launches:
    """Records which containers the engine starts and ends while it is open.

    A container that is recreated before it ran, because its port was taken, counts once.

    Args:
        prefix: prefix of the names of the containers that count.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        # Listen from the start: an engine remembers its last 256 events only.
        self._engine = docker.APIClient(version="auto", timeout=None)
        wanted = {"type": "container", "event": ["start", "die"]}
        self._events = self._engine.events(since=int(time.time()), filters=wanted, decode=True)
        self._launches: list[str] = []
        self._alive: dict[str, set[str]] = defaultdict(set)
        self.concurrent_users: list[str] = []
        """Users with two containers running at the same time."""
        self._listener = threading.Thread(target=self._listen)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()
        self._listener.join()
        self._engine.close()

    def count(self) -> int:
        """Return the number of containers that were started."""
        return len(self._launches)

    def duplicates(self) -> list[str]:
        """Return the operations with more than one started container, and users with two at the same time."""
        repeated = [launch for launch, times in Counter(self._launches).items() if times > 1]
        return [*repeated, *self.concurrent_users]

    def _listen(self) -> None:
        for event in self._events:
            facts, number = event["Actor"]["Attributes"], event["Actor"]["ID"]
            if not facts["name"].startswith(f"{self._prefix}-"):
                continue
            alive = self._alive[facts[USER]]
            if event["Action"] == "die":
                alive.discard(number)
            else:
                self._launches.append(facts[OPERATION])
                self.concurrent_users += [facts[USER]] if alive else []
                alive.add(number)


def request_all(call: ApiClient, method: str, names: Iterable[str]) -> set[int]:
    """Request starts or stops, and retry each while the hub is down.

    Args:
        call: API client of an admin.
        method: POST for starts, DELETE for stops.
        names: names of the users.

    Returns:
        The statuses of the responses.
    """

    def request(name: str) -> int:
        while True:
            with contextlib.suppress(*DOWN):
                status = call(method, f"/users/{name}/server", {}).status
                if status < http.client.INTERNAL_SERVER_ERROR:
                    return status
            threading.Event().wait(_PAUSE)

    with ThreadPoolExecutor(_CALLERS) as pool:
        return set(pool.map(request, names))


def ready(call: ApiClient) -> set[str] | None:
    """Return the names of the users whose servers are ready.

    Args:
        call: API client of an admin.

    Returns:
        None while a server is pending, or the hub is down.
    """
    try:
        reply = call("GET", "/users?limit=200")
    except DOWN:
        return None
    models: list[dict[str, Any]] = reply.body if reply.status == http.client.OK else []
    servers = {model["name"]: model["servers"] for model in models}
    if any(server["pending"] for found in servers.values() for server in found.values()):
        return None
    return {name for name, found in servers.items() if found.get("", {}).get("ready")}


def kill_randomly(hub: HubProcess, random_source: random.Random, times: int) -> None:
    """Kill a hub and start it again, at random moments.

    Args:
        hub: a running hub; it runs again at the end.
        random_source: source of the random moments.
        times: number of kills.
    """
    for _ in range(times):
        threading.Event().wait(random_source.uniform(0, LONGEST_LIFE))
        hub.kill()
        hub.start()
