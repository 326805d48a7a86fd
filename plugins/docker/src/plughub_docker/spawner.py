"""Spawner for servers in Docker containers."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from plughub.kinds import Moved
from plughub.spawner import Diagnosis, Found, SpawnFailed, Usage
from plughub.threads import ThreadPools, call
from plughub_docker import images, repository_clone
from plughub_docker.addresses import port_of
from plughub_docker.containers import Inspected
from plughub_docker.creation import create_arguments
from plughub_docker.creation_settings import describe
from plughub_docker.diagnosis import diagnose, unreachable_hub
from plughub_docker.engine import EngineError
from plughub_docker.engine_access import EngineAccess
from plughub_docker.engine_watch import watch_of
from plughub_docker.fixed_addresses import free_address, free_port, is_lost
from plughub_docker.host_folders import closed_folder
from plughub_docker.host_network import check_visible, is_on_host_network
from plughub_docker.names import retry_while_taken
from plughub_docker.setting_errors import explain_refusal
from plughub_docker.settings import DEFAULT_NETWORK, HOST_NETWORK
from plughub_docker.timings import CLONE_POLL_SECONDS, PING_SECONDS, PROGRESS_POLL_SECONDS
from plughub_docker.usage import limits_of, usage_of

GONE: Final = "the container is gone: it was removed, but not by the hub"
ADDRESS_ATTEMPTS: Final = 10
LAST_LINES: Final = 50
CLONE_LINES: Final = 1000
_WATCHING: Final = ("poll", "read_status", "verify_address", "verify", "watch")
"""Methods that the engine's events replace, unless a subclass overrides them."""


@functools.cache
def _launchers(size: int) -> ThreadPools:
    """Return the thread pools that create containers, in the order of the requests."""
    return ThreadPools(size)


class DockerSpawner(EngineAccess):
    """Spawner that runs each server in its own container, on any engine that the hub can reach."""

    label: ClassVar[str] = "Docker"
    object_type: ClassVar[str] = "container"
    object_id_key: ClassVar[str] = "Id"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._launching = threading.Lock()
        self._report = images.PullReport()
        self._has_created_nothing = False
        self._is_cancelled = False

    # ---- the hub's calls

    async def start(
        self,
        image: str | None = None,
        extra_create_kwargs: Mapping[str, Any] | None = None,
        extra_start_kwargs: Mapping[str, Any] | None = None,
        extra_host_config: Mapping[str, Any] | None = None,
    ) -> tuple[str, int]:
        """Create or resume the container and start the server.

        Subclasses pass arguments by ``super().start``.

        Args:
            image: image of a new container, instead of that of the settings.
            extra_create_kwargs: further arguments of `create_container` for this start.
            extra_start_kwargs: further arguments of `create_host_config` for this start.
            extra_host_config: further arguments of `create_host_config` for this start.

        Returns:
            Host and port on which the server listens, or soon will.

        Raises:
            SpawnFailed: the server cannot be started.
        """
        self._has_created_nothing = True
        try:
            await self.choose(image)
            self.add_arguments(extra_create_kwargs, extra_start_kwargs, extra_host_config)
            policy = self.pull_policy.lower()
            if await self._call_engine(images.needs_pull, self.engine, self.image, policy, self.section):
                await self._call_slow(images.pull, self.engine, self.image, self._report)
            self._report.add(45, f"Creating the {self.object_type}")
            address = await self.launch()
            if self.repository:
                await self._wait_for_repository()
            if self.post_start_cmd:
                await self._call_slow(self._post_start)
            return address
        except asyncio.CancelledError:
            self._is_cancelled = True  # the thread continues, while another hub may already retry
            raise
        finally:
            self._report.done = True

    async def launch(self) -> tuple[str, int]:
        """Create and start the container, and return host and port of the server."""
        pools = _launchers(self.concurrent_launches)
        return await pools.run(f"{self.plugin}-launch", retry_while_taken, self._start)

    async def poll(self) -> int | Moved | None:
        """Return whether the container runs at its recorded address.

        Returns:
            None when it runs there; `Moved` when it runs elsewhere, or its address is unknown; otherwise its
            exit code, which is 0 when the container no longer exists.
        """
        answer: int | Moved | None = await self._call_engine(self.read_status)
        return answer

    async def verify_address(self) -> bool:
        """Return whether the recorded address leads to this server's container and to no other."""
        verified: bool = await self._call_engine(self.verify)
        return verified

    def watch(self, mark: str) -> AsyncIterator[str] | None:
        """Report the servers whose containers ended, started or moved."""
        return watch_of(self.engine, mark, self.plugin).changes()

    @property
    def is_watched(self) -> bool:
        """Return whether `watch` reports what happens to the container."""
        own = all(getattr(type(self), name) is getattr(DockerSpawner, name) for name in _WATCHING)
        return own and self.is_followed

    async def stop(self, now: bool = False) -> None:
        """Stop the container, including one left by an unfinished start; remove it if ``remove`` is set.

        Args:
            now: kill the container at once.
        """
        await self._call_slow(self._stop, now)

    async def delete_forever(self) -> None:
        """Remove all containers of the server, including those that were set aside."""
        await self._call_slow(self.delete_kept)

    def logs(self, lines: int) -> Sequence[str]:
        """Return the last lines of the container's log."""
        container = self.find()
        return self.containers.logs(container["Id"], lines) if container else ()

    def usage(self) -> Usage | None:
        """Return the CPU time, memory and limits of the container."""
        container = self.find()
        usage = usage_of(self.engine, container["Id"]) if container else None
        return replace(usage, **limits_of(container["HostConfig"])) if container and usage else None

    def availability(self) -> Diagnosis | None:
        """Return why the engine cannot be used at present; None if it answers."""
        try:
            with self.engine.request() as client:
                client.get(f"{client.base_url}/_ping", timeout=PING_SECONDS).raise_for_status()
        except EngineError as error:
            return Diagnosis(error.message, detail=error.detail)
        return None

    def diagnose(self) -> Diagnosis | str | None:
        """Return why the server does not answer, or why it ended."""
        container = self.find()
        if container is None:
            return GONE
        if self.exit_code(container):
            lines = self.containers.logs(container["Id"], LAST_LINES)
            if folder := closed_folder(self.engine, container, lines):
                return (
                    f"the server cannot write to the folder {folder}: the folder belongs to root, and the "
                    "server runs as another user"
                )
        return diagnose(container, self.port)

    def inventory(self, mark: str) -> Iterable[Found] | None:
        """List what the engine runs under the hub's mark."""
        return self.containers.inventory(mark)

    async def progress(self) -> AsyncIterator[Mapping[str, Any]]:
        """Report the progress of the start: image layers first, then the container."""
        while True:
            done = self._report.done
            for percent, message in self._report.take():
                yield {"progress": percent, "message": message}
            if done:
                return
            await asyncio.sleep(PROGRESS_POLL_SECONDS)

    # ---- for subclasses and config files

    @property
    def container_name(self) -> str:
        """Name of the container."""
        return self.object_name

    @property
    def container_id(self) -> str:
        """Id of the container."""
        return self.object_id

    def own_arguments(self) -> dict[str, Any]:
        """Return the arguments of `create_container` that this kind of spawner adds."""
        return {}

    # ---- in a thread

    async def _call_engine(self, function: Any, *args: Any) -> Any:
        """Run a quick engine request in a thread."""
        return await call(f"{self.plugin}-engine", function, *args)

    async def _call_slow(self, function: Any, *args: Any) -> Any:
        """Run a slow engine request in threads that quick requests do not share."""
        return await call(f"{self.plugin}-slow", function, *args)

    async def _wait_for_repository(self) -> None:
        """Wait until the clone ends, and report its output as progress."""
        last = ""
        while True:
            code = self.exit_code(await self._call_engine(self.find))
            progress = repository_clone.read_progress(await self._call_slow(self.logs, CLONE_LINES))
            if code == repository_clone.EXIT_CODE:  # any other end of the server is diagnosed by the hub
                raise SpawnFailed(f"the repository {self.repository} cannot be cloned: {progress.last}")
            if progress.ready or code is not None:
                return
            if progress.last != last:
                last = progress.last
                self._report.add(50, last)
            await asyncio.sleep(CLONE_POLL_SECONDS)

    def begin_creation(self) -> None:
        """Record that the start creates something on the engine; call with the lock held.

        Raises:
            SpawnFailed: the start was cancelled in the meantime.
        """
        if self._is_cancelled:
            raise SpawnFailed("the start was cancelled")
        self._has_created_nothing = False

    def cancel_start(self) -> Inspected | None:
        """Cancel a start in progress and return its container, if any; call with the lock held."""
        self._is_cancelled = True
        # A start that created nothing can be stopped while the engine does not answer.
        return None if self._has_created_nothing else self.find()

    def _start(self) -> tuple[str, int]:
        with self._launching:
            found = self.find_kept()
            self.begin_creation()
            kept = self.resume(found)
            self.object_id = kept["Id"] if kept else self._begin()
            self._run(is_new=kept is None)
            return self._address()

    def _begin(self) -> str:
        """Create a container, after an older container of that name was removed or renamed."""
        if aside := self.containers.make_room(self.record, self.object_name, remove=self.remove):
            self.warn_of_kept(aside, "the hub has no record of it as this server's container")
        return self._create()

    def _run(self, *, is_new: bool) -> None:
        """Start the container; recreate a new one with another port or address if its own is taken."""
        for attempts_left in reversed(range(ADDRESS_ATTEMPTS)):
            self.write_certificates(self.engine, self.object_id)
            try:
                with explain_refusal(self.section, self):
                    self.containers.start(self.object_id, self.object_name)
            except EngineError as error:
                chosen = self.fixed_address or (
                    self.published_port and str(self.published_port) in error.detail
                )
                if not (
                    is_new and attempts_left and chosen and is_lost(error, self.engine, self.network_name)
                ):
                    raise
            else:
                return
            self.containers.remove(self.object_id)
            self.object_id = self._create()

    def _create(self) -> str:
        self.published_port, self.fixed_address = 0, ""
        if not self.is_internal and self.network_name != HOST_NETWORK:
            self.published_port = free_port(self.engine)
        elif self.network_name not in {HOST_NETWORK, DEFAULT_NETWORK}:
            self.fixed_address = free_address(self.engine, self.network_name)
        arguments, host = create_arguments(self, self._image_command())
        with explain_refusal(self.section, self):
            container_id = self.containers.create(arguments, host)
        self.log.info(
            "Created container %s (%.12s) from image %s", self.object_name, container_id, self.image
        )
        return container_id

    def describe_new(self) -> Mapping[str, str]:
        """Return a description of a new container's configuration; empty when the image no longer exists."""
        try:
            command = self._image_command()
        except EngineError as error:
            if not error.gone:
                raise
            return {}
        return describe(self, *create_arguments(self, command))

    def _image_command(self) -> list[str]:
        """Return the command of the image, or nothing if ``cmd`` is set."""
        if self.cmd:
            return []
        with self.engine.request(f"image {self.image!r} cannot be inspected") as client:
            return list(client.inspect_image(self.image)["Config"].get("Cmd") or [])

    def _address(self) -> tuple[str, int]:
        container = self.containers.inspect(self.object_id)
        if container is None:
            raise SpawnFailed(GONE)
        if not container["State"]["Running"] or container["State"].get("Restarting"):
            return self.published_host, self.port  # already ended: the hub's next poll reports it
        if warning := unreachable_hub(container):
            self.log.warning("%s: %s", self.object_name, warning)
        port = port_of(container, self.port)
        if is_on_host_network(container):
            check_visible(container)
            return self.published_host, port
        if not (place := self.find_address(container)):
            raise SpawnFailed(
                f"container {self.object_name!r} has no address in {self.network_name!r}"
                if self.is_internal
                else f"container {self.object_name!r} does not publish its port {port}"
            )
        self.note_address(container, place)
        return place

    def _post_start(self) -> None:
        try:
            failed = self.containers.run_inside(self.object_id, list(self.post_start_cmd))
        except EngineError as error:
            failed = str(error)
        if failed:
            self.log.warning("DockerSpawner.post_start_cmd failed in %s: %s", self.object_name, failed)

    def _stop(self, now: bool) -> None:
        with self._launching:
            container = self.cancel_start()
        if container is not None:
            self.object_id, self.object_name = container["Id"], container["Name"].lstrip("/")
            self.containers.end(container, seconds=0 if now else self.stop_timeout, remove=self.remove)
        if self.remove and not self._has_created_nothing:
            self.remove_certificates(self.engine)
