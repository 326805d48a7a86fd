"""Where the container of a server is now: a route leads to it or nowhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from plughub.kinds import Moved
from plughub.utils import host_in_url
from plughub_docker import marks
from plughub_docker.addresses import (
    Place,
    addresses,
    is_at,
    name_of,
    names_of,
    network_of,
    port_of,
    published,
    reached,
)
from plughub_docker.container_list import listed_containers
from plughub_docker.containers import Inspected, is_coming_back
from plughub_docker.engine_watch import EngineWatch, watch_of
from plughub_docker.host_network import is_on_host_network, listens
from plughub_docker.kept_containers import KeptContainers
from plughub_docker.timings import SETTLED_SECONDS


class ReachableContainers(KeptContainers):
    """Compares the recorded address of a server with those that the engine tells of its container.

    An engine that is restarted gives out addresses again, and a container that is restarted may publish
    another port: the recorded address may belong to another user's container by then.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._behind = ""
        self._made = time.monotonic()

    # ---- state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over for which address the name of the container stood."""
        super().load_state(state)
        self._behind = str(state.get("address") or "")

    def get_state(self) -> dict[str, Any]:
        """Save for which address the name of the container stands."""
        state = super().get_state()
        return {**state, "address": self._behind} if self._behind else state

    # ---- in a thread

    def find(self) -> Inspected | None:
        """Find the container of this start."""
        return self.containers.find(self.record, self.object_id, self.object_name)

    def exit_code(self, container: Inspected | None) -> int | None:
        """Read how a container has ended.

        Args:
            container: as inspected; None when there is none.

        Returns:
            None when it runs, else its exit code; 0 when it is gone.
        """
        if container is None:
            return 0
        return None if container["State"]["Running"] else int(container["State"].get("ExitCode") or 0)

    def look(self) -> int | Moved | None:
        """Tell whether the container runs, and where."""
        if self._watch.has_lost(self.object_id):
            return Moved(url="")
        if (listed := self._listed()) is not None and self._is_there(listed):
            self._follow(listed)
            return None
        container = self.find()
        code = self.exit_code(container)
        if container is None or code is not None:
            return Moved(url="") if container is not None and is_coming_back(container) else code
        self.object_id = container["Id"]
        self._follow(container)
        return None if self._is_there(container) else self._moved(container)

    def verify(self) -> bool:
        """Tell whether the recorded address leads to the container of this server, and to nothing else."""
        container = self._listed() or self.find()
        if container is None or not self._is_there(container):
            return False
        if not is_on_host_network(container):
            return container["State"] == "running" or self.exit_code(container) is None
        inspected = self.find()
        return inspected is not None and listens(inspected, self.server.host)

    def place_of(self, container: Inspected) -> Place | None:
        """Tell where hub and proxy reach a container.

        Args:
            container: as inspected; it runs.

        Returns:
            Host and port; None while it has no address.
        """
        port = port_of(container, self.port)
        if is_on_host_network(container):
            return self.reached_at, port
        own = addresses(container, network_of(container) or self.network_name)
        if own and (self.use_internal_hostname or marks.HOST in marks.labels(container)):
            return marks.labels(container).get(marks.HOST) or name_of(container), port
        inside = [(address, port) for address in own]
        outside = reached(published(container, port), self.engine.host)
        if self.is_internal or f"{port}/tcp" not in (container["HostConfig"].get("PortBindings") or {}):
            return next(iter([*inside, *outside]), None)
        return next(iter(outside), None)

    def note_address(self, container: Inspected, place: Place) -> None:
        """Remember for which address a name stands.

        Args:
            container: as inspected.
            place: where it is reached.
        """
        own = addresses(container, network_of(container) or self.network_name)
        self._behind = own[0] if own and place[0].lower() in names_of(container) else ""

    @property
    def is_internal(self) -> bool:
        """Whether the server is reached inside the engine's network, without a published port."""
        return self.use_internal_ip or self.use_internal_hostname

    @property
    def _watch(self) -> EngineWatch:
        return watch_of(self.engine, self.record.mark, self.plugin)

    def _follow(self, container: Mapping[str, Any]) -> None:
        """Have the hub poll this server as soon as the engine says something of the container."""
        self._watch.note(self.object_id, self.record.operation, has_place=marks.has_place(container))

    def _listed(self) -> Mapping[str, Any] | None:
        """Find the container in the list that all servers share, when it runs and is this server's."""
        if not self.object_id or time.monotonic() - self._made < SETTLED_SECONDS:
            return None
        listed = listed_containers(self.engine, self.record.mark, self.plugin).get(self.object_id)
        if listed is None or listed["State"] != "running":
            return None
        return listed if marks.belongs(listed, self.record, self.plugin) else None

    def _is_there(self, container: Mapping[str, Any]) -> bool:
        port = port_of(container, self.port)
        if is_on_host_network(container):
            return self.server.port == port
        return is_at(container, (self.server.ip, self.server.port), port, self._behind)

    def _moved(self, container: Inspected) -> Moved:
        if (place := self.place_of(container)) is None:
            return Moved(url="")
        url = f"{self.server.proto}://{host_in_url(place[0])}:{place[1]}"
        if url.lower() == self.server.host.lower():
            # The name stands for another address now: without a route, every proxy looks it up again.
            return Moved(url="")
        self.note_address(container, place)
        return Moved(url=url)
