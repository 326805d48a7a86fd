"""Present address of a server's service: its route leads there or nowhere."""

from __future__ import annotations

import time

from plughub.kinds import Moved
from plughub_docker import tasks
from plughub_docker.services import Inspected, Services
from plughub_docker.spawner import DockerSpawner
from plughub_docker.tasks import Task
from plughub_docker.timings import TASK_ADDRESS_SECONDS


class ReachableServices(DockerSpawner):
    """Compares a server's recorded address with that of its newest task."""

    _looked: float = -TASK_ADDRESS_SECONDS
    _present: str = ""

    @property
    def services(self) -> Services:
        """Services of this plugin."""
        return Services(self.engine, self.plugin, self.host_ip)

    def watch(self, mark: str) -> None:
        """Watch nothing: an engine reports only the tasks on its own machine."""

    # ---- in a thread

    def find(self) -> Inspected | None:
        """Find the service of this start."""
        return self.services.find(self.record, self.object_id, self.object_name)

    def read_status(self) -> int | Moved | None:
        """Return None if the task runs at its recorded address, else its new address or exit code."""
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
            self._resolved_address = self._task_address(task)
        return Moved(url=self._present)

    def verify(self) -> bool:
        """Return whether the recorded address is that of the newest task."""
        if time.monotonic() - self._looked >= TASK_ADDRESS_SECONDS:
            service = self.find()
            task = tasks.newest(self.services.tasks(service)) if service else None
            self._present = self._url_of(service, task) if service else ""
        return self._present == self.server.host.lower()

    def _url_of(self, service: Inspected, task: Task | None) -> str:
        """Return the URL of the server; empty while it has none, or its name must be resolved again."""
        if task is None or tasks.state_of(task) != "running":
            return ""
        url = self.services.address_of(service, task).lower()  # recorded addresses are in lower case
        present = self._task_address(task)
        is_stale = bool(
            self._resolved_address and present
        ) and self._resolved_address not in tasks.addresses_of(task)
        return "" if is_stale and url == self.server.host.lower() else url

    def _task_address(self, task: Task | None) -> str:
        """Return the address to which the service's name resolves; empty if it is not reached by name."""
        known = tasks.addresses_of(task) if task is not None and self.is_internal else []
        return next(iter(known), "")
