"""Servers in Docker containers."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from plughub.classes.calling import call
from plughub.plugin.threads import ThreadPools
from plughub.spawner import Found, SpawnFailed
from plughub_docker import cloning, images
from plughub_docker.containers import Inspected
from plughub_docker.creation import create_arguments
from plughub_docker.diagnosis import diagnose, unreachable_hub
from plughub_docker.engine import EngineError
from plughub_docker.kept_containers import KeptContainers
from plughub_docker.names import when_free
from plughub_docker.settings import HOST_NETWORK

GONE: Final = "the container is gone: it was removed, but not by the hub"
LOOK: Final = 0.1
CLONE_LOOK: Final = 0.25
CLONE_LINES: Final = 1000


@functools.cache
def _launchers(size: int) -> ThreadPools:
    """Give the threads that make containers: few, so that who came first is served first."""
    return ThreadPools(size)


class DockerSpawner(KeptContainers):
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

    async def poll(self) -> int | None:
        """Look whether the container runs.

        Returns:
            None when it runs, else its exit code; 0 when it is gone.
        """
        container = await self._engine(self._find)
        if container is None:
            return 0
        self.object_id = container["Id"]
        return None if container["State"]["Running"] else int(container["State"].get("ExitCode") or 0)

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
        container = self._find()
        return self.containers.logs(container["Id"], lines) if container else ()

    def diagnose(self) -> str | None:
        """Say why the server does not answer, or why it ended."""
        container = self._find()
        return diagnose(container, self.port) if container else GONE

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
            await asyncio.sleep(LOOK)

    # ---- for subclasses and config files

    @property
    def container_name(self) -> str:
        """Name of the container."""
        return self.object_name

    @property
    def container_id(self) -> str:
        """Id of the container."""
        return self.object_id

    @property
    def is_internal(self) -> bool:
        """Whether the server is reached inside the engine's network, without a published port."""
        return self.use_internal_ip or self.use_internal_hostname

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
            code = await self.poll()
            seen = cloning.look(await self._slowly(self.logs, CLONE_LINES))
            if code == cloning.EXIT_CODE:
                raise SpawnFailed(f"the repository {self.repository} cannot be cloned: {seen.last}")
            if seen.ready or code is not None:
                return
            if seen.last != said:
                said = seen.last
                self._report.tell(50, said)
            await asyncio.sleep(CLONE_LOOK)

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
        return None if self._untouched else self._find()

    def _find(self) -> Inspected | None:
        return self.containers.find(self.record, self.object_id, self.object_name)

    def _start(self) -> tuple[str, int]:
        with self._launching:
            found = self.find_kept()
            self.touch()
            kept = self.resume(found)
            self.object_id = kept["Id"] if kept else self._begin()
            self.place_certificates(self.engine, self.object_id)
            self.containers.start(self.object_id, self.object_name)
            return self._address()

    def _begin(self) -> str:
        """Make a container, after whatever has its name made room."""
        if aside := self.containers.make_room(self.record, self.object_name, remove=self.remove):
            self.warn_of_kept(aside, "the hub does not know it as this server's")
        return self._create()

    def _create(self) -> str:
        made = self.containers.create(*create_arguments(self, self._image_command()))
        self.log.info("Created container %s (%.12s) from image %s", self.object_name, made, self.image)
        return made

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
        if not container["State"]["Running"]:
            return self.host_ip, self.port  # it has ended already, which the hub's next look finds
        if warning := unreachable_hub(container):
            self.log.warning("%s: %s", self.object_name, warning)
        if self.use_internal_hostname:
            return self.object_name, self.port
        if self.network_name == HOST_NETWORK:
            return self.host_ip, self.port
        return self._internal(container) if self.use_internal_ip else self._published(container)

    def _internal(self, container: Inspected) -> tuple[str, int]:
        networks = container["NetworkSettings"]["Networks"]
        chosen: Mapping[str, Any] = networks.get(self.network_name) or next(iter(networks.values()), {})
        if not (ip := chosen.get("IPAddress")):
            raise SpawnFailed(f"container {self.object_name!r} has no address in {self.network_name!r}")
        return str(ip), self.port

    def _published(self, container: Inspected) -> tuple[str, int]:
        published = (container["NetworkSettings"].get("Ports") or {}).get(f"{self.port}/tcp")
        if not published:
            raise SpawnFailed(f"container {self.object_name!r} does not publish its port {self.port}")
        return str(published[0]["HostIp"]), int(published[0]["HostPort"])

    def _post_start(self) -> None:
        try:
            failed = self.containers.run_inside(self.object_id, list(self.post_start_cmd))
        except EngineError as error:
            failed = error.message
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
