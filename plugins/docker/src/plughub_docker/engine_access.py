"""Access of subclasses to the engine, their container and its creation, as in JupyterHub's DockerSpawner."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from traitlets import Any as AnyTrait
from traitlets import default

from plughub.threads import call
from plughub_docker.addresses import HostPort
from plughub_docker.creation import all_binds
from plughub_docker.reachable_containers import ReachableContainers
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.volumes import Bind, read_binds


class EngineAccess(ReachableContainers):
    """Helpers for subclasses in configuration files."""

    client = AnyTrait(help="Client of the engine, a docker.APIClient. It blocks: call it by `docker`.")

    @default("client")
    def _default_client(self) -> Any:
        return self.engine.connect()

    async def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the engine's client in a thread.

        Args:
            method: name of a method of docker.APIClient.
            args: its positional arguments.
            kwargs: its keyword arguments.

        Returns:
            Its result.

        Raises:
            docker.errors.APIError: the engine refuses the request.
        """

        def request() -> Any:
            return getattr(self.client, method)(*args, **kwargs)

        return await call(f"{self.plugin}-slow", request)

    async def get_container(self) -> Mapping[str, Any] | None:
        """Return the engine's description of this server's container; None if it does not exist."""
        found: Mapping[str, Any] | None = await call(f"{self.plugin}-engine", self.find)
        if found is not None:
            self.object_id = found["Id"]
        return found

    def get_ip_and_port(self) -> asyncio.Future[HostPort]:
        """Return host and port at which the hub reaches the running container.

        The hub verifies addresses against the engine: overriding this method does not change a route.

        Returns:
            A future, which coroutines of all kinds can wait for.

        Raises:
            SpawnFailed: the container has no address.
        """
        return asyncio.ensure_future(call(f"{self.plugin}-engine", self._address))

    @property
    def volume_binds(self) -> dict[str, dict[str, str]]:
        """Path and mode by source of ``volumes`` and ``read_only_volumes``. A subclass may extend it."""
        return {bind.source: {"bind": bind.target, "mode": bind.mode} for bind in all_binds(self)}

    @property
    def volume_mount_points(self) -> list[str]:
        """Paths in the container at which volumes are mounted. A subclass may extend it."""
        return [bind.target for bind in self.binds()]

    def binds(self) -> list[Bind]:
        """Return the binds for a new container."""
        # A dictionary by source cannot express all settings: use it only if a subclass changes it.
        if type(self).volume_binds is EngineAccess.volume_binds:
            return all_binds(self)
        return read_binds(self.volume_binds)

    def add_arguments(
        self,
        create: Mapping[str, Any] | None,
        start: Mapping[str, Any] | None,
        host: Mapping[str, Any] | None,
    ) -> None:
        """Add arguments for this start; they override those of the settings."""
        with as_setting_error("what a subclass passes to DockerSpawner.start"):
            if create:
                self.extra_create_kwargs = {**self.extra_create_kwargs, **create}
            if host or start:
                self.extra_host_config = {**self.extra_host_config, **(host or {}), **(start or {})}
                self.refuse_late_removal("extra_host_config")
                self.take_over()

    def _address(self) -> HostPort:
        raise NotImplementedError
