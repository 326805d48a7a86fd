"""Present address of a server's container: its route leads there or nowhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from plughub.kinds import Moved
from plughub.utils import host_in_url
from plughub_docker import marks
from plughub_docker.addresses import (
    HostPort,
    addresses,
    is_at,
    name_of,
    names_of,
    network_of,
    port_of,
    published,
    reachable,
)
from plughub_docker.container_list import listed_containers
from plughub_docker.containers import Inspected, will_restart
from plughub_docker.engine_watch import EngineWatch, watch_of
from plughub_docker.host_network import is_on_host_network, listens
from plughub_docker.kept_containers import KeptContainers
from plughub_docker.timings import LISTING_SECONDS, SETTLED_SECONDS, WATCHED_LISTING_SECONDS


class ReachableContainers(KeptContainers):
    """Compares a server's recorded address with those that the engine reports for its container.

    A restarted engine assigns addresses again, and a restarted container may publish another port. The
    recorded address may then belong to another user's container.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._resolved_address = ""
        self._made = time.monotonic()
        self._is_followed = False

    # ---- state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load the address to which the container's name resolved."""
        super().load_state(state)
        self._resolved_address = str(state.get("address") or "")

    def get_state(self) -> dict[str, Any]:
        """Return the state for `load_state`."""
        state = super().get_state()
        return {**state, "address": self._resolved_address} if self._resolved_address else state

    # ---- in a thread

    def find(self) -> Inspected | None:
        """Find the container of this start."""
        return self.containers.find(self.record, self.object_id, self.object_name)

    def exit_code(self, container: Inspected | None) -> int | None:
        """Return the exit code of a container; None while it runs, 0 if it does not exist."""
        if container is None:
            return 0
        return None if container["State"]["Running"] else int(container["State"].get("ExitCode") or 0)

    def read_status(self) -> int | Moved | None:
        """Return None if the container runs at its recorded address, else its new address or exit code."""
        # An event before the container was followed was not reported, and may be newer than this poll.
        was_followed, self._is_followed = self._watch.follows(self.object_id), False
        if self._watch.may_have_lost_address(self.object_id):
            return Moved(url="")
        if (listed := self._listed()) is not None and self._is_at_recorded_address(listed):
            self._follow(listed, is_known=was_followed)
            return None
        container = self.find()
        code = self.exit_code(container)
        if container is None or code is not None:
            return Moved(url="") if container is not None and will_restart(container) else code
        self.object_id = container["Id"]
        self._follow(container, is_known=was_followed)
        return None if self._is_at_recorded_address(container) else self._moved(container)

    def verify(self) -> bool:
        """Return whether the recorded address leads to this server's container and nothing else."""
        container = self._listed() or self.find()
        if container is None or not self._is_at_recorded_address(container):
            return False
        if not is_on_host_network(container):
            return container["State"] == "running" or self.exit_code(container) is None
        inspected = self.find()
        return inspected is not None and listens(inspected, self.server.host)

    def find_address(self, container: Inspected) -> HostPort | None:
        """Return the host and port at which hub and proxy reach a running container; None if it has no
        address.
        """
        port = port_of(container, self.port)
        if is_on_host_network(container):
            return self.published_host, port
        own = addresses(container, network_of(container) or self.network_name)
        if own and (self.use_internal_hostname or marks.HOST in marks.labels(container)):
            return marks.labels(container).get(marks.HOST) or name_of(container), port
        inside = [(address, port) for address in own]
        outside = reachable(published(container, port), self.engine.host)
        if self.is_internal or f"{port}/tcp" not in (container["HostConfig"].get("PortBindings") or {}):
            return next(iter([*inside, *outside]), None)
        return next(iter(outside), None)

    def note_address(self, container: Inspected, place: HostPort) -> None:
        """Remember the address to which the container's name resolves, if it is reached by name."""
        own = addresses(container, network_of(container) or self.network_name)
        self._resolved_address = own[0] if own and place[0].lower() in names_of(container) else ""

    @property
    def is_followed(self) -> bool:
        """Return whether events after the latest poll are reported; False if it found a problem."""
        return self._is_followed and self._watch.follows(self.object_id)

    @property
    def is_internal(self) -> bool:
        """Return whether the server is reached within the engine's network, not at a published port."""
        return self.use_internal_ip or self.use_internal_hostname

    @property
    def _watch(self) -> EngineWatch:
        return watch_of(self.engine, self.record.mark, self.plugin)

    def _follow(self, container: Mapping[str, Any], *, is_known: bool) -> None:
        """Report the container's events, so that the hub polls this server at once."""
        # The engine does not report another process at the port of a container on the host network.
        self._is_followed = is_known and not is_on_host_network(container)
        self._watch.add(
            self.object_id, self.record.operation, has_fixed_address=marks.has_fixed_address(container)
        )

    def _listed(self) -> Mapping[str, Any] | None:
        """Return this server's running container from the shared list, if it is there."""
        if not self.object_id or time.monotonic() - self._made < SETTLED_SECONDS:
            return None
        seconds = WATCHED_LISTING_SECONDS if self._watch.is_live else LISTING_SECONDS
        listed = listed_containers(self.engine, self.record.mark, self.plugin, seconds).get(self.object_id)
        if listed is None or listed["State"] != "running":
            return None
        return listed if marks.belongs(listed, self.record, self.plugin) else None

    def _is_at_recorded_address(self, container: Mapping[str, Any]) -> bool:
        port = port_of(container, self.port)
        if is_on_host_network(container):
            return self.server.port == port
        return is_at(container, (self.server.ip, self.server.port), port, self._resolved_address)

    def _moved(self, container: Inspected) -> Moved:
        if (place := self.find_address(container)) is None:
            return Moved(url="")
        url = f"{self.server.proto}://{host_in_url(place[0])}:{place[1]}"
        if url.lower() == self.server.host.lower():
            # The name resolves to another address now. Without a route, every proxy resolves it again.
            return Moved(url="")
        self.note_address(container, place)
        return Moved(url=url)
