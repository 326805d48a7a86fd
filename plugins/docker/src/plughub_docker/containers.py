"""Containers on an engine: search, creation, resumption, removal. Everything here blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from plughub.kinds import Found, Server
from plughub.spawner import SpawnFailed
from plughub.utils import host_in_url
from plughub_docker import marks
from plughub_docker.addresses import addresses, network_of, port_of, published, reachable
from plughub_docker.engine import Engine, EngineError, IgnoreMissing
from plughub_docker.extra_arguments import merged
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.timings import COMING_BACK_SECONDS

Inspected = Mapping[str, Any]
SHORT_ID: Final = 12
_NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of one plugin on one engine."""

    engine: Engine
    plugin: str

    def inspect(self, reference: str) -> Inspected | None:
        """Inspect a container by id or name; None if it does not exist."""
        with IgnoreMissing(), self.engine.request() as client:
            found: Inspected = client.inspect_container(reference)
            return found
        return None

    def find(self, server: Server, object_id: str, name: str) -> Inspected | None:
        """Find the container of a start.

        Args:
            server: the server record.
            object_id: id of the container, if known.
            name: name of the container, for a start that was interrupted before the id was stored.
        """
        if object_id and (found := self.inspect(object_id)) and self._may_be(found, server):
            return found
        found = self.inspect(name)
        if found is None or not marks.belongs(found, server, self.plugin):
            return None
        is_own = not server.operation or self.operation(found) == server.operation
        return found if is_own else None

    def make_room(self, server: Server, name: str, *, remove: bool) -> str:
        """Free the name of a new container, and return the new name of a container that was set aside.

        Args:
            server: the server record.
            name: name of the new container.
            remove: whether containers are removed when their server stops.

        Raises:
            SpawnFailed: the name belongs to a container of another server.
        """
        # A container of that name whose id the hub does not know is not part of this server, whatever its
        # labels say: it may be from an earlier user or server of the same name, or from a failed start. It
        # is removed; one that was kept, and so may hold files, is set aside.
        found = self.inspect(name)
        if found is None:
            return ""
        if not marks.belongs(found, server, self.plugin):
            raise SpawnFailed(
                f"the container name {name!r} is already used by a container of another server",
                detail="remove that container, or choose different names with DockerSpawner.prefix or "
                "DockerSpawner.name_template",
                retry=False,
            )
        if remove or not marks.labels(found).get(marks.KEPT) or not has_run(found):
            self.end(found, seconds=0, remove=True)
            return ""
        return self.set_aside(found)

    def set_aside(self, container: Inspected) -> str:
        """Stop a container that no server may resume, rename it, and return its new name."""
        self.end(container, seconds=0, remove=False)
        name = f"{container['Name'].lstrip('/')}-{container['Id'][:SHORT_ID]}"
        with self._ignoring_removal(f"container {container['Name']!r} cannot be renamed") as client:
            client.rename(container["Id"], name)
        return name

    def find_all(self, server: Server, object_ids: Iterable[str]) -> list[Inspected]:
        """Find all containers of a server: those of the saved state, and those with its labels."""
        wanted = marks.filters_of(server, self.plugin)
        with self.engine.request() as client:
            labelled = [one["Id"] for one in client.containers(all=True, filters={"label": wanted})]
        found = [self.inspect(one) for one in dict.fromkeys([*object_ids, *labelled]) if one]
        return [one for one in found if one is not None]

    def operation(self, container: Inspected) -> str:
        """Return the operation id of the start that a container belongs to."""
        return marks.operation_of(self.engine, container["Id"], marks.labels(container))

    def create(self, arguments: Mapping[str, Any], host: Mapping[str, Any]) -> str:
        """Create a container and return its id.

        Args:
            arguments: arguments of `create_container`.
            host: arguments of `create_host_config`.
        """
        arguments_of = "DockerSpawner.extra_host_config", "DockerSpawner.extra_create_kwargs"
        with self.engine.request(f"container {arguments['name']!r} cannot be created") as client:
            with as_setting_error(*arguments_of):
                config = merged(client.create_host_config(**host), arguments.get("host_config") or {})
            created = client.create_container(**{**arguments, "host_config": config})
            return str(created["Id"])

    def start(self, object_id: str, name: str) -> None:
        """Start a container, unless it is running already.

        Args:
            object_id: id of the container.
            name: name of the container, for the error message.
        """
        with self.engine.request(f"container {name!r} cannot be started") as client:
            client.start(object_id)

    def run_inside(self, object_id: str, command: list[str]) -> str:
        """Run a command in a container; return its output if it fails, else an empty string."""
        with self.engine.request("DockerSpawner.post_start_cmd cannot be run") as client:
            created = client.exec_create(object_id, command)
            wrote = client.exec_start(created["Id"])
            code = client.exec_inspect(created["Id"])["ExitCode"]
        return f"exit code {code}: {wrote.decode(errors='replace').strip()}" if code else ""

    def end(self, container: Inspected, *, seconds: int, remove: bool) -> None:
        """Stop a container, and remove it if requested. A missing container is not an error.

        Args:
            container: result of an inspection.
            seconds: time between SIGTERM and SIGKILL.
            remove: also remove the container and its unnamed volumes.
        """
        with self._ignoring_removal("the container cannot be stopped") as client:
            if container["State"].get("Paused"):
                client.unpause(container["Id"])
            if container["State"].get("Running") or container["State"].get("Restarting"):
                client.stop(container["Id"], timeout=seconds)
            if remove:
                client.remove_container(container["Id"], v=True, force=True)

    def remove(self, object_id: str) -> None:
        """Remove a container. A missing container is not an error."""
        with self._ignoring_removal("the container cannot be removed") as client:
            client.remove_container(object_id, v=True, force=True)

    def logs(self, object_id: str, lines: int) -> list[str]:
        """Return the last lines of a container's log, oldest first."""
        if lines <= 0:
            return []
        with self.engine.request() as client:
            wrote: bytes = client.logs(object_id, stdout=True, stderr=True, tail=lines)
        return wrote.decode(errors="replace").splitlines()[-lines:]

    def inventory(self, mark: str) -> list[Found]:
        """List what this plugin launched under the hub's mark."""
        # A kept container that is not running belongs to no start. One that runs with the token of an earlier
        # start is reported without an address: the hub then starts it again, which reads the token.
        wanted = [f"{marks.MARK}={mark}", f"{marks.PLUGIN}={self.plugin}"]
        with self.engine.request() as client:
            listed = client.containers(all=True, filters={"label": wanted})
        alive = [one for one in listed if not (one["Labels"].get(marks.KEPT) and one["State"] in _OVER)]
        return [self._found(one) for one in alive]

    def _found(self, listed: Mapping[str, Any]) -> Found:
        known = listed["Labels"]
        operation = marks.operation_of(self.engine, listed["Id"], known)
        resumed = operation != known.get(marks.OPERATION)
        return Found(
            operation=operation,
            user=known.get(marks.USER, ""),
            server=known.get(marks.SERVER, ""),
            url="" if resumed else _listed_address(listed, self.engine.host),
            state={"object_id": listed["Id"], "object_name": listed["Names"][0].lstrip("/")},
        )

    def _may_be(self, found: Inspected, server: Server) -> bool:
        return not marks.is_marked(found) or marks.belongs(found, server, self.plugin)

    @contextlib.contextmanager
    def _ignoring_removal(self, doing: str) -> Iterator[Any]:
        """Yield the client; ignore that the container is gone, or that its removal is in progress."""
        try:
            with self.engine.request(doing) as client:
                yield client
        except EngineError as error:
            if not error.gone and "is already in progress" not in error.detail:
                raise


def has_run(container: Inspected) -> bool:
    """Return whether a container was ever started."""
    return str(container["State"].get("StartedAt") or _NEVER) != _NEVER


def will_restart(container: Inspected) -> bool:
    """Return whether the restart policy is about to start a stopped container again."""
    # The window is short, because the engine does not restart a container that a user stopped.
    state, policy = container["State"], container["HostConfig"].get("RestartPolicy") or {}
    most = int(policy.get("MaximumRetryCount") or 0)
    again = policy.get("Name") in {"always", "unless-stopped"} or (
        policy.get("Name") == "on-failure"
        and bool(state.get("ExitCode"))
        and (not most or int(container.get("RestartCount") or 0) < most)
    )
    if not again or state.get("Status") != "exited":
        return False
    # The engine writes nanoseconds, which Python cannot parse.
    ended = datetime.fromisoformat(f"{str(state['FinishedAt'])[:19]}+00:00")
    return datetime.now(UTC) - ended < timedelta(seconds=COMING_BACK_SECONDS)


_OVER = frozenset({"created", "exited", "dead", "removing"})


def _listed_address(listed: Mapping[str, Any], engine_host: str) -> str:
    """Return the URL of a running container from its entry in the engine's list."""
    known = marks.labels(listed)
    port = port_of(listed, 0)
    outside = reachable(published(listed, port), engine_host)
    inside = [known[marks.HOST]] if known.get(marks.HOST) else addresses(listed, network_of(listed))
    places = [*outside, *((host, port) for host in inside if port)]
    return next((f"{marks.scheme_of(known)}://{host_in_url(host)}:{number}" for host, number in places), "")
