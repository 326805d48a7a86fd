"""Where the service of a server is now: a route leads to it or nowhere."""

from __future__ import annotations

import time

from plughub.kinds import Moved
from plughub_docker import tasks
from plughub_docker.services import Inspected, Services
from plughub_docker.spawner import DockerSpawner
from plughub_docker.tasks import Task
from plughub_docker.timings import TASK_ADDRESS_SECONDS


class ReachableServices(DockerSpawner):
    """Compares the recorded address of a server with what the swarm tells of its newest task."""

    _looked: float = -TASK_ADDRESS_SECONDS
    _present: str = ""

    @property
    def services(self) -> Services:
        """The services of this plugin."""
        return Services(self.engine, self.plugin, self.host_ip)

    def watch(self, mark: str) -> None:
        """Report nothing: an engine tells of the tasks on its own machine alone."""

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
        if self._present == self.server.host.lower():
            return None
        if self._present:
            self._behind = self._address_behind(task)
        return Moved(url=self._present)

    def verify(self) -> bool:
        """Tell whether the recorded address is that of the newest task, as the swarm tells it."""
        if time.monotonic() - self._looked >= TASK_ADDRESS_SECONDS:
            service = self.find()
            task = tasks.newest(self.services.tasks(service)) if service else None
            self._present = self._url_of(service, task) if service else ""
        return self._present == self.server.host.lower()

    def _url_of(self, service: Inspected, task: Task | None) -> str:
        """Tell where the server is; empty while it is nowhere, or its name has to be looked up again."""
        if task is None or tasks.state_of(task) != "running":
            return ""
        url = self.services.address_of(service, task).lower()  # as a recorded address is read
        present = self._address_behind(task)
        led_elsewhere = bool(self._behind and present) and self._behind not in tasks.addresses_of(task)
        return "" if led_elsewhere and url == self.server.host.lower() else url

    def _address_behind(self, task: Task | None) -> str:
        """Tell for which address the name of the service stands; empty where it is reached otherwise."""
        known = tasks.addresses_of(task) if task is not None and self.is_internal else []
        return next(iter(known), "")
