"""Spawner for servers that are services of a Docker Swarm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from docker.types import SecretReference

from plughub.spawner import Diagnosis, Found, SpawnFailed, Usage
from plughub_docker import marks, service_spec, tasks
from plughub_docker.certificates import owner_of
from plughub_docker.diagnosis import explain_unreachable_hub
from plughub_docker.engine import EngineError
from plughub_docker.names import retry_while_taken
from plughub_docker.services import Inspected
from plughub_docker.setting_errors import explain_refusal
from plughub_docker.swarm_secrets import FOLDER as SECRETS_FOLDER
from plughub_docker.swarm_secrets import Secrets
from plughub_docker.swarm_settings import SwarmSettings
from plughub_docker.tasks import Task
from plughub_docker.timings import ENDING_SECONDS, TASK_BACKOFF
from plughub_docker.usage import limits_of_service, usage_of

GONE: Final = "the service is gone: it was removed, but not by the hub"

_IGNORED_SETTINGS: Final = (
    "links",
    "extra_create_kwargs",
    "extra_host_config",
    "post_start_cmd",
    "certs_volume_name",
)


class SwarmSpawner(SwarmSettings):
    """Spawner that runs each server as a service with one task on a Docker Swarm, which chooses the node."""

    label: ClassVar[str] = "Docker Swarm"
    object_type: ClassVar[str] = "service"
    object_id_key: ClassVar[str] = "ID"
    certificate_folder: ClassVar[str] = SECRETS_FOLDER

    @property
    def secrets(self) -> Secrets:
        """Secrets of this plugin."""
        return Secrets(self.engine, self.plugin)

    def certificate_names(self, some_given: bool) -> list[str]:
        """Return the hosts at which hub and proxy will reach the server: its service, or any node."""
        del some_given
        if self.is_internal:
            return [self.object_name]
        return [self.host_ip] if self.host_ip else self.services.node_addresses()

    def own_mounts(self) -> list[Mapping[str, Any]]:
        """Mount nothing: the certificate comes as secrets, which reach any node."""
        return []

    # ---- the hub's calls

    async def launch(self) -> tuple[str, int]:
        """Create the service, wait until its task runs or has ended, and return host and port.

        Raises:
            SpawnFailed: no node accepts the task.
        """
        for name in _IGNORED_SETTINGS:
            if getattr(self, name):
                self.warn_once(f"SwarmSpawner.{name} has no effect: a swarm does not support it")
        service = await self._call_slow(retry_while_taken, self._make)
        begin, pauses, last_step = time.monotonic(), TASK_BACKOFF.pauses(), ""
        while True:
            task = tasks.newest(await self._call_engine(self.services.tasks, service))
            if task is not None and tasks.state_of(task) not in tasks.ALIVE - {"running"}:
                address: tuple[str, int] = await self._call_engine(self._address_of, service, task)
                return address
            if task is not None and tasks.step_of(task) != last_step:
                last_step = tasks.step_of(task)
                self._report.add(50, last_step)
            self._check_pending_time(task, time.monotonic() - begin)
            await asyncio.sleep(next(pauses))

    async def stop(self, now: bool = False) -> None:
        """Remove the service, including one left by an unfinished start, and wait for its container to end.

        Args:
            now: kill the container at once, if it runs on the hub's engine.
        """
        operation = await self._call_engine(self._remove, now)
        ends, pauses = time.monotonic() + self.stop_timeout + ENDING_SECONDS, TASK_BACKOFF.pauses()
        while operation and (ending := await self._call_engine(self.services.still_ending, operation)):
            if time.monotonic() > ends:
                node = await self._call_engine(self.services.node_name, ending[0])
                raise EngineError(f"the container of {self.object_name} did not stop on node {node}")
            await asyncio.sleep(next(pauses))

    def logs(self, lines: int) -> Sequence[str]:
        """Return the last lines of the server's log."""
        service = self.find()
        return self.services.logs(service, lines) if service else ()

    def usage(self) -> Usage | None:
        """Return the CPU time, memory and limits of the task, if it runs on the hub's own engine.

        A swarm's manager does not know what the containers of other nodes use.
        """
        service = self.find()
        task = tasks.newest(self.services.tasks(service)) if service else None
        container = tasks.container_of(task) if task else ""
        usage = usage_of(self.engine, container) if container else None
        return replace(usage, **limits_of_service(service)) if service and usage else None

    def diagnose(self) -> Diagnosis | str | None:
        """Return why the server does not answer, or why it ended."""
        service = self.find()
        if service is None:
            return GONE
        task = tasks.newest(self.services.tasks(service))
        if task is None:
            return "the swarm has not created a task for the server yet"
        node = self.services.node_name(task)
        if self.services.is_lost(task):
            detail = f"node {node} of the swarm no longer answers"
            return Diagnosis("the machine of the server no longer answers", detail=detail)
        out_of_memory = self.services.was_out_of_memory(task) if tasks.container_of(task) else False
        return tasks.diagnose(task, node, out_of_memory=out_of_memory) or self._silence(service, node)

    def inventory(self, mark: str) -> Iterable[Found] | None:
        """List what the swarm runs under the hub's mark."""
        return self.services.inventory(mark)

    # ---- in a thread

    def delete_kept(self) -> None:
        """Remove the service and secrets of a server that is deleted, if any are left."""
        service = self.services.inspect(self.object_name)
        if service is not None and marks.belongs(service, self.record, self.plugin):
            self.services.remove(service, now=True)
        self.secrets.remove(self.record)

    def _make(self) -> Inspected:
        with self._launching:
            earlier = self.services.find_earlier(self.record, self.object_name)
            self.begin_creation()
            if earlier:
                self.log.info("Removing service %s of an earlier start", self.object_name)
                self.services.remove(earlier, now=True)
            command, endpoint = self._image_command(), service_spec.endpoint_spec(self)
            template = service_spec.task_template(self, command, self._make_secrets())
            with explain_refusal(self.section, self):
                self.object_id = self.services.create(
                    self.object_name, service_spec.labels(self), template, endpoint
                )
        self.log.info(
            "Created service %s (%.12s) from image %s", self.object_name, self.object_id, self.image
        )
        if service := self.services.inspect(self.object_id):
            return service
        raise SpawnFailed(GONE)

    def _image_command(self) -> list[str]:
        """Return the image's command where it is needed: the manager may not have the image."""
        if self.cmd or not (self.get_args() or self.repository):
            return []
        try:
            with self.engine.request() as client:
                return list(client.inspect_image(self.image)["Config"].get("Cmd") or [])
        except EngineError as error:
            raise SpawnFailed(
                f"the command of image {self.image!r} is unknown",
                detail="the swarm manager does not have the image: set SwarmSpawner.cmd, or set "
                "SwarmSpawner.pull_policy to 'ifnotpresent'",
                retry=False,
            ) from error

    def _make_secrets(self) -> list[SecretReference]:
        """Create the certificate's secrets; replace those of an earlier attempt of this start."""
        if not self.internal_ssl:
            return []
        self.secrets.remove(self.record, self.record.operation)
        return self.secrets.create(self.record, self._certificate_files, self._owner())

    def _owner(self) -> int | None:
        """Return the number of the user that the server runs as, if the manager has the image."""
        user = service_spec.filled_extra(self, "extra_container_spec").get("user")
        environment = [f"{name}={value}" for name, value in self.get_env().items()]
        try:
            with self.engine.request() as client:
                config = client.inspect_image(self.image)["Config"]
        except EngineError as error:
            if not error.gone:
                raise
            config = {"User": "?"}
        known = str(user if user is not None else config.get("User") or "")
        return owner_of(known, [*(config.get("Env") or ()), *environment], str)

    def _check_pending_time(self, task: Task | None, seconds: float) -> None:
        """Fail the start if its task has waited for a node longer than ``pending_timeout``."""
        waits = task is None or tasks.state_of(task) in tasks.WAITS_FOR_NODE
        if waits and seconds > self.pending_timeout:
            found = tasks.diagnose(task, "", out_of_memory=None) if task else None
            why = found.detail if found else "the swarm has not created a task"
            detail = f"{why} (waited {self.pending_timeout} s, SwarmSpawner.pending_timeout)"
            raise SpawnFailed("no machine has accepted the server", detail=detail)

    def _address_of(self, service: Inspected, task: Task) -> tuple[str, int]:
        if tasks.state_of(task) == "rejected":
            node = self.services.node_name(task)
            last_step = tasks.diagnose(task, node, out_of_memory=False)
            raise SpawnFailed("a machine refused the server", detail=str(last_step and last_step.detail))
        url = urlsplit(self.services.address_of(service, task))
        if self.is_internal:
            self._resolved_address = next(iter(tasks.addresses_of(task)), "")
        if url.hostname and url.port:
            return url.hostname, url.port
        if tasks.state_of(task) in tasks.ALIVE:
            raise SpawnFailed(f"service {self.object_name!r} does not publish its port {self.port}")
        # The task has already ended, which the hub's next poll reports.
        return self.host_ip or self.object_name, self.port

    def _remove(self, now: bool) -> str:
        """Remove the service, and return the operation whose containers may still be ending."""
        with self._launching:
            service = self.cancel_start()
        if service is not None:
            self.services.remove(service, now=now)
        if not self._has_created_nothing:
            self.secrets.remove(self.record, self.record.operation)
        return "" if self._has_created_nothing else self.record.operation

    def _silence(self, service: Inspected, node: str) -> Diagnosis:
        spec = service["Spec"]["TaskTemplate"]["ContainerSpec"]
        like_a_container = {"Config": {"Env": spec.get("Env")}, "HostConfig": {}}
        return explain_unreachable_hub(like_a_container) or Diagnosis(
            f"the container runs on node {node}, but nothing answers on port {self.port} inside it",
            detail="the server must listen on this port on all addresses, and the hub must be in the "
            "network of the service",
        )
