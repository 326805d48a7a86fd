"""Servers in Docker containers."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from plughub.kinds import Moved
from plughub.spawner import Diagnosis, Found, SpawnFailed
from plughub.threads import ThreadPools, call
from plughub_docker import images, repository_clone
from plughub_docker.addresses import port_of
from plughub_docker.containers import Inspected
from plughub_docker.creation import create_arguments
from plughub_docker.creation_settings import describe
from plughub_docker.diagnosis import diagnose, unreachable_hub
from plughub_docker.engine import EngineError
from plughub_docker.engine_watch import watch_of
from plughub_docker.faults import blaming
from plughub_docker.fixed_addresses import free_address, free_port, is_lost
from plughub_docker.host_folders import closed_folder
from plughub_docker.host_network import check_visible, is_on_host_network
from plughub_docker.names import when_free
from plughub_docker.reachable_containers import ReachableContainers
from plughub_docker.settings import DEFAULT_NETWORK, HOST_NETWORK
from plughub_docker.timings import CLONE_POLL_SECONDS, PLACE_POLL_SECONDS

GONE: Final = "the container is gone: it was removed, but not by the hub"
PLACE_TRIES: Final = 10
LAST_LINES: Final = 50
CLONE_LINES: Final = 1000


@functools.cache
def _launchers(size: int) -> ThreadPools:
    """Give the threads that make containers: few, so that who came first is served first."""
    return ThreadPools(size)


class DockerSpawner(ReachableContainers):
    """Runs each server in a container of its own, on any engine that the hub can reach."""

    label: ClassVar[str] = "Docker"
    object_type: ClassVar[str] = "container"
    object_id_key: ClassVar[str] = "Id"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._launching = threading.Lock()
        self._report = images.PullReport()
        self._untouched = False
        self._given_up = False

    # ---- the hub's calls

    async def start(self) -> tuple[str, int]:
        """Start the server.

        Returns:
            Address and port where it listens or soon will.

        Raises:
            SpawnFailed: it cannot be started; the message says why.
        """
        self._untouched = True
        try:
            await self.choose()
            if await self._engine(images.needs_pull, self.engine, self.image, self.pull_policy.lower()):
                await self._slowly(images.pull, self.engine, self.image, self._report)
            self._report.tell(45, f"Creating the {self.object_type}")
            address = await self.launch()
            if self.repository:
                await self._wait_for_repository()
            if self.post_start_cmd:
                await self._slowly(self._post_start)
            return address
        except asyncio.CancelledError:
            self._given_up = True  # its thread goes on, and another hub may be at work by now
            raise
        finally:
            self._report.done = True

    async def launch(self) -> tuple[str, int]:
        """Make what the server runs in.

        Returns:
            Address and port.
        """
        pools = _launchers(self.concurrent_launches)
        return await pools.run(f"{self.plugin}-launch", when_free, self._start)

    async def poll(self) -> int | Moved | None:
        """Look whether the container runs, and whether the recorded address is still its own.

        Returns:
            None when it runs there; where it is when it has moved; else its exit code, 0 when it is gone.
        """
        answer: int | Moved | None = await self._engine(self.look)
        return answer

    async def verify_address(self) -> bool:
        """Tell whether the recorded address leads to this server's container, and to no other."""
        verified: bool = await self._engine(self.verify)
        return verified

    def watch(self, mark: str) -> AsyncIterator[str] | None:
        """Report the servers whose container has ended or moved."""
        return watch_of(self.engine, mark, self.plugin).changes()

    async def stop(self, now: bool = False) -> None:
        """Stop the container, also that of a start that never answered; remove it where wanted.

        Args:
            now: kill at once.
        """
        await self._slowly(self._stop, now)

    async def delete_forever(self) -> None:
        """Remove what the server kept: its container, and those that were set aside."""
        await self._slowly(self.delete_kept)

    def logs(self, lines: int) -> Sequence[str]:
        """Give the last lines that the container wrote."""
        container = self.find()
        return self.containers.logs(container["Id"], lines) if container else ()

    def diagnose(self) -> Diagnosis | str | None:
        """Say why the server does not answer, or why it ended."""
        container = self.find()
        if container is None:
            return GONE
        if self.exit_code(container):
            lines = self.containers.logs(container["Id"], LAST_LINES)
            if folder := closed_folder(self.engine, container, lines):
                return (
                    f"the folder {folder} belongs to root, and the server runs as another user, who may not "
                    "write there"
                )
        return diagnose(container, self.port)

    def inventory(self, mark: str) -> Iterable[Found] | None:
        """List what runs on the engine under the hub's mark."""
        return self.containers.inventory(mark)

    async def progress(self) -> AsyncIterator[Mapping[str, Any]]:
        """Report what happens: the layers of the image, then the container."""
        while True:
            done = self._report.done
            for percent, message in self._report.take():
                yield {"progress": percent, "message": message}
            if done:
                return
            await asyncio.sleep(PLACE_POLL_SECONDS)

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
        """Give arguments of `create_container` that belong to this kind of spawner."""
        return {}

    # ---- in a thread

    async def _engine(self, function: Any, *args: Any) -> Any:
        """Ask the engine something that it answers soon."""
        return await call(f"{self.plugin}-engine", function, *args)

    async def _slowly(self, function: Any, *args: Any) -> Any:
        """Ask the engine something that takes its time, in threads that nothing quick waits for."""
        return await call(f"{self.plugin}-slow", function, *args)

    async def _wait_for_repository(self) -> None:
        """Wait until the server's turn has come; a server that ended otherwise is the hub's to explain."""
        said = ""
        while True:
            code = self.exit_code(await self._engine(self.find))
            seen = repository_clone.look(await self._slowly(self.logs, CLONE_LINES))
            if code == repository_clone.EXIT_CODE:
                raise SpawnFailed(f"the repository {self.repository} cannot be cloned: {seen.last}")
            if seen.ready or code is not None:
                return
            if seen.last != said:
                said = seen.last
                self._report.tell(50, said)
            await asyncio.sleep(CLONE_POLL_SECONDS)

    def touch(self) -> None:
        """Note that something is about to be made; under the lock.

        Raises:
            SpawnFailed: the start was given up in the meantime.
        """
        if self._given_up:
            raise SpawnFailed("the start was given up")
        self._untouched = False

    def give_up(self) -> Inspected | None:
        """Let nothing more be made, and find what was; under the lock.

        Returns:
            What there is to end. A start that made nothing has nothing, whether the engine answers or not.
        """
        self._given_up = True
        return None if self._untouched else self.find()

    def _start(self) -> tuple[str, int]:
        with self._launching:
            found = self.find_kept()
            self.touch()
            kept = self.resume(found)
            self.object_id = kept["Id"] if kept else self._begin()
            self._run(is_new=kept is None)
            return self._address()

    def _begin(self) -> str:
        """Make a container, after whatever has its name made room."""
        if aside := self.containers.make_room(self.record, self.object_name, remove=self.remove):
            self.warn_of_kept(aside, "the hub does not know it as this server's")
        return self._create()

    def _run(self, *, is_new: bool) -> None:
        """Start the container; a new one is made again while something else has its port or address."""
        for left in reversed(range(PLACE_TRIES)):
            self.place_certificates(self.engine, self.object_id)
            try:
                with blaming(self.section, self):
                    self.containers.start(self.object_id, self.object_name)
            except EngineError as error:
                chosen = self.fixed_address or (
                    self.published_port and str(self.published_port) in error.detail
                )
                if not (is_new and left and chosen and is_lost(error, self.engine, self.network_name)):
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
        with blaming(self.section, self):
            made = self.containers.create(arguments, host)
        self.log.info("Created container %s (%.12s) from image %s", self.object_name, made, self.image)
        return made

    def wanted(self) -> Mapping[str, str]:
        """Describe the configuration that a new container would have; empty when the image is gone."""
        try:
            command = self._image_command()
        except EngineError as error:
            if not error.gone:
                raise
            return {}
        return describe(self, *create_arguments(self, command))

    def _image_command(self) -> list[str]:
        """Find the command of the image where the configuration has none."""
        if self.cmd:
            return []
        with self.engine.asked(f"image {self.image!r} cannot be looked at") as client:
            return list(client.inspect_image(self.image)["Config"].get("Cmd") or [])

    def _address(self) -> tuple[str, int]:
        container = self.containers.inspect(self.object_id)
        if container is None:
            raise SpawnFailed(GONE)
        if not container["State"]["Running"] or container["State"].get("Restarting"):
            return self.reached_at, self.port  # it has ended already, which the hub's next look finds
        if warning := unreachable_hub(container):
            self.log.warning("%s: %s", self.object_name, warning)
        port = port_of(container, self.port)
        if is_on_host_network(container):
            check_visible(container)
            return self.reached_at, port
        if not (place := self.place_of(container)):
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
            container = self.give_up()
        if container is not None:
            self.object_id, self.object_name = container["Id"], container["Name"].lstrip("/")
            self.containers.end(container, seconds=0 if now else self.stop_timeout, remove=self.remove)
        if self.remove and not self._untouched:
            self.remove_certificates(self.engine)
