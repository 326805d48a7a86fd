"""Where the service of a server is now: a route leads to it or nowhere."""

from __future__ import annotations

import time
from typing import Final
from urllib.parse import urlsplit

from plughub.kinds import Moved
from plughub_docker import tasks
from plughub_docker.services import Inspected, Services
from plughub_docker.spawner import DockerSpawner
from plughub_docker.tasks import Task

FRESH_SECONDS: Final = 1.0


class ReachableServices(DockerSpawner):
    """Compares the recorded address of a server with what the swarm tells of its newest task."""

    _looked: float = -FRESH_SECONDS
    _present: str = ""

    @property
    def services(self) -> Services:
        """The services of this plugin."""
        return Services(self.engine, self.plugin, self.host_ip)

    # ---- in a thread

    def find(self) -> Inspected | None:
        """Find the service of this start."""
        return self.services.find(self.record, self.object_id, self.object_name)

    def look(self) -> int | Moved | None:
        """Tell whether the task runs, or is still to run, and where."""
        service = self.find()
        if service is None:
            return 0
        self.object_id = service["ID"]
        task = tasks.newest(self.services.tasks(service))
        if task is not None and (tasks.state_of(task) not in tasks.ALIVE or self.services.is_lost(task)):
            return tasks.exit_code_of(task)
        self._present, self._looked = self._url_of(service, task), time.monotonic()
        return None if self._present == self.server.host.lower() else Moved(url=self._present)

    def verify(self) -> bool:
        """Tell whether the recorded address is that of the newest task, as the swarm tells it."""
        if time.monotonic() - self._looked >= FRESH_SECONDS and isinstance(self.look(), int):
            return False
        return self._present == self.server.host.lower()

    def _url_of(self, service: Inspected, task: Task | None) -> str:
        """Tell where the server is; empty while it is nowhere, or its name has to be looked up again."""
        if task is None or tasks.state_of(task) != "running":
            return ""
        before, own = self._behind, tasks.addresses_of(task)
        url = self.services.address_of(service, task).lower()  # as a recorded address is read
        if urlsplit(url).hostname != service["Spec"]["Name"].lower():
            return url
        self._behind = own[0] if own else before
        led_elsewhere = bool(before) and bool(own) and before not in own
        return "" if led_elsewhere and url == self.server.host.lower() else url
