"""Servers in Docker containers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from traitlets import default

from plughub.classes.calling import call
from plughub.spawner import Found, SpawnFailed
from plughub_docker import images, marks
from plughub_docker.containers import Containers, Inspected
from plughub_docker.creation import create_arguments
from plughub_docker.diagnosis import diagnose, unreachable_hub
from plughub_docker.engine import Engine, EngineError
from plughub_docker.settings import HOST_NETWORK, DockerSettings

GONE: Final = "the container is gone: it was removed, but not by the hub"
LOOK: Final = 0.1


class DockerSpawner(DockerSettings):
    """Runs each server in a container of its own, on any engine that the hub can reach."""

    label: ClassVar[str] = "Docker"
    object_type: ClassVar[str] = "container"
    object_id_key: ClassVar[str] = "Id"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._launching = threading.Lock()
        self._report = images.PullReport()

    # ---- the hub's calls

    async def start(self) -> tuple[str, int]:
        """Start the server.

        Returns:
            Address and port where it listens or soon will.

        Raises:
            SpawnFailed: it cannot be started; the message says why.
        """
        try:
            await self._choose()
            if await self._engine(images.needs_pull, self.engine, self.image, self.pull_policy.lower()):
                await self._slowly(images.pull, self.engine, self.image, self._report)
            self._report.tell(45, "Creating the container")
            address: tuple[str, int] = await self._engine(self._start)
            if self.post_start_cmd:
                await self._slowly(self._post_start)
            return address
        finally:
            self._report.done = True

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

    # ---- state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over id and name of the container."""
        super().load_state(state)
        self.object_id = str(state.get("object_id") or state.get("container_id") or "")
        if name := state.get("object_name"):
            self.object_name = str(name)

    def get_state(self) -> dict[str, Any]:
        """Save id and name of the container."""
        state = super().get_state()
        if self.object_id:
            state |= {"object_id": self.object_id, "object_name": self.object_name}
        return state

    def clear_state(self) -> None:
        """Forget the container, unless it is kept."""
        super().clear_state()
        if self.remove:
            self.object_id = ""

    # ---- options

    async def get_options_form(self) -> str:
        """Get the form: the images among which the user may choose, unless Spawner.options_form is set."""
        return await super().get_options_form() or images.form(await self._allowed(), self.image)

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        return read_form

    async def _allowed(self) -> Any:
        allowed = self.allowed_images
        return await call(self.plugin, allowed, self) if callable(allowed) else allowed

    async def _choose(self) -> None:
        self._refuse_unknown_options()
        if "image" in self.user_options:
            self.image = images.choose(self.user_options["image"], await self._allowed())
        self.object_name = self._default_object_name()
        for name in ("mem_limit", "cpu_limit"):
            if callable(value := getattr(self, name)):
                setattr(self, name, await call(self.plugin, value, self))

    def _refuse_unknown_options(self) -> None:
        """Refuse options that nothing reads; a hook or a form of the administrator's may read any."""
        apply = self.apply_user_options
        own = self.options_from_form is not read_form or self.options_form or self.pre_spawn_hook
        if own or callable(apply):
            return
        if unknown := sorted(set(self.user_options) - {"image", *(apply or {})}):
            raise SpawnFailed(f"unknown options: {', '.join(unknown)[:200]}", status=400, retry=False)

    # ---- for subclasses and config files

    @property
    def engine(self) -> Engine:
        """The engine that the containers run on."""
        return Engine(self.client_kwargs, self.tls_config)

    @property
    def containers(self) -> Containers:
        """The containers of this plugin."""
        return Containers(self.engine, self.plugin)

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

    def fill_in_volume(self, template: str) -> str:
        """Fill in a template of a volume."""
        return str(self.format_volume_name(template, self))

    # ---- in a thread

    async def _engine(self, function: Any, *args: Any) -> Any:
        """Ask the engine something that it answers soon."""
        return await call(f"{self.plugin}-engine", function, *args)

    async def _slowly(self, function: Any, *args: Any) -> Any:
        """Ask the engine something that takes its time, in threads that nothing quick waits for."""
        return await call(f"{self.plugin}-slow", function, *args)

    def _find(self) -> Inspected | None:
        return self.containers.find(self.record, self.object_id, self.object_name)

    def _start(self) -> tuple[str, int]:
        with self._launching:
            earlier = self.containers.find_earlier(self.record, self.object_id, self.object_name)
            if earlier and not self._resumes(earlier):
                self.log.info("Removing container %s of an earlier start", self.object_name)
                self.containers.end(earlier, seconds=0, remove=True)
                earlier = None
            self.object_id = earlier["Id"] if earlier else self._create()
            self.containers.start(self.object_id, self.object_name)
            return self._address()

    def _resumes(self, earlier: Inspected) -> bool:
        if self.remove:
            return False
        made_from = earlier["Config"]["Image"]
        if made_from != self.image:
            raise SpawnFailed(
                f"container {self.object_name!r} was made from image {made_from!r} and is kept "
                f"(DockerSpawner.remove is off): remove it, or choose that image instead of {self.image!r}",
                retry=False,
            )
        variables = dict(pair.partition("=")[::2] for pair in earlier["Config"]["Env"])
        if not (token := variables.get("JUPYTERHUB_API_TOKEN")):
            return False
        if marks.is_marked(earlier):
            marks.write_operation(self.engine, earlier["Id"], self.record.operation)
        self.will_resume, self.api_token = True, token
        self.log.info("Resuming container %s", self.object_name)
        return True

    def _create(self) -> str:
        with self.engine.asked(f"image {self.image!r} cannot be looked at") as client:
            image = client.inspect_image(self.image)
        made = self.containers.create(*create_arguments(self, image["Config"].get("Cmd") or []))
        self.log.info("Created container %s (%.12s) from image %s", self.object_name, made, self.image)
        return made

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
            container = self._find()
        if container is None:
            return
        self.containers.end(container, seconds=0 if now else self.stop_timeout, remove=self.remove)


def read_form(form: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Turn the form of images into options.

    Args:
        form: lists of texts by field.

    Returns:
        The options.
    """
    return {name: values[0] if values else "" for name, values in form.items()}
