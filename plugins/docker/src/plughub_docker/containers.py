"""Containers on an engine: finding, making, resuming, ending. Everything here blocks."""

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
from plughub_docker.addresses import addresses, network_of, port_of, published, reached
from plughub_docker.engine import Engine, EngineError, IgnoreMissing
from plughub_docker.extras import merged
from plughub_docker.faults import naming
from plughub_docker.timings import COMING_BACK_SECONDS

Inspected = Mapping[str, Any]
SHORT_ID: Final = 12
_NEVER: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of one plugin on one engine.

    Attributes:
        engine: the engine.
        plugin: name of the plugin.
    """

    engine: Engine
    plugin: str

    def inspect(self, reference: str) -> Inspected | None:
        """Look at a container.

        Args:
            reference: its id or name.

        Returns:
            What the engine says of it; None when there is none.
        """
        with IgnoreMissing(), self.engine.asked() as client:
            found: Inspected = client.inspect_container(reference)
            return found
        return None

    def find(self, server: Server, object_id: str, name: str) -> Inspected | None:
        """Find the container of a start.

        Args:
            server: the record.
            object_id: id of the container, where it is known.
            name: its name, by which it is found when a start did not get far enough to tell the id.

        Returns:
            The container; None when this start has none.
        """
        if object_id and (found := self.inspect(object_id)) and self._may_be(found, server):
            return found
        found = self.inspect(name)
        if found is None or not marks.belongs(found, server, self.plugin):
            return None
        mine = not server.operation or self.operation(found) == server.operation
        return found if mine else None

    def make_room(self, server: Server, name: str, *, remove: bool) -> str:
        """Free the name that a new container is to have.

        A container of that name that the hub does not know by its id is no part of this server, whatever its
        labels say: it may be what a user or a server of the same name left, or what is left of a start that
        failed. It is removed; one that was kept, and so may hold files, is set aside.

        Args:
            server: the record.
            name: of the new container.
            remove: containers are removed when their server stops.

        Returns:
            The name that it has now when it was set aside; else an empty text.

        Raises:
            SpawnFailed: the name is taken by something that no server of this name left.
        """
        found = self.inspect(name)
        if found is None:
            return ""
        if not marks.belongs(found, server, self.plugin):
            raise SpawnFailed(
                f"the container name {name!r} is taken by a container that is not this server's",
                detail="remove it, or make names differ by DockerSpawner.prefix or "
                "DockerSpawner.name_template",
                retry=False,
            )
        if remove or not marks.labels(found).get(marks.KEPT) or not has_run(found):
            self.end(found, seconds=0, remove=True)
            return ""
        return self.set_aside(found)

    def set_aside(self, container: Inspected) -> str:
        """Stop a container that no server may resume, and give it a name that is in nobody's way.

        Args:
            container: as inspected.

        Returns:
            Its new name.
        """
        self.end(container, seconds=0, remove=False)
        name = f"{container['Name'].lstrip('/')}-{container['Id'][:SHORT_ID]}"
        with self._unless_going(f"container {container['Name']!r} cannot be renamed") as client:
            client.rename(container["Id"], name)
        return name

    def left_by(self, server: Server, object_ids: Iterable[str]) -> list[Inspected]:
        """List what a server that is deleted has left.

        Args:
            server: the record.
            object_ids: containers that the saved state names.

        Returns:
            These containers, and those whose labels name user and server.
        """
        wanted = marks.filters_of(server, self.plugin)
        with self.engine.asked() as client:
            labelled = [one["Id"] for one in client.containers(all=True, filters={"label": wanted})]
        found = [self.inspect(one) for one in dict.fromkeys([*object_ids, *labelled]) if one]
        return [one for one in found if one is not None]

    def operation(self, container: Inspected) -> str:
        """Tell to which start a container belongs."""
        return marks.operation_of(self.engine, container["Id"], marks.labels(container))

    def create(self, arguments: Mapping[str, Any], host: Mapping[str, Any]) -> str:
        """Make a container.

        Args:
            arguments: of `create_container`.
            host: of `create_host_config`.

        Returns:
            Its id.
        """
        arguments_of = "DockerSpawner.extra_host_config", "DockerSpawner.extra_create_kwargs"
        with self.engine.asked(f"container {arguments['name']!r} cannot be made") as client:
            with naming(*arguments_of):
                config = merged(client.create_host_config(**host), arguments.get("host_config") or {})
            made = client.create_container(**{**arguments, "host_config": config})
            return str(made["Id"])

    def start(self, object_id: str, name: str) -> None:
        """Start a container that runs or does not.

        Args:
            object_id: its id.
            name: its name, for the message.
        """
        with self.engine.asked(f"container {name!r} cannot be started") as client:
            client.start(object_id)

    def run_inside(self, object_id: str, command: list[str]) -> str:
        """Run a command inside a container.

        Args:
            object_id: the container.
            command: the command.

        Returns:
            What it wrote when it failed, else an empty text.
        """
        with self.engine.asked("DockerSpawner.post_start_cmd cannot be run") as client:
            made = client.exec_create(object_id, command)
            wrote = client.exec_start(made["Id"])
            code = client.exec_inspect(made["Id"])["ExitCode"]
        return f"exit code {code}: {wrote.decode(errors='replace').strip()}" if code else ""

    def end(self, container: Inspected, *, seconds: int, remove: bool) -> None:
        """Stop a container, and remove it where wanted. One that is gone already is no error.

        Args:
            container: as inspected.
            seconds: between SIGTERM and SIGKILL.
            remove: also remove it and its unnamed volumes.
        """
        with self._unless_going("the container cannot be stopped") as client:
            if container["State"].get("Paused"):
                client.unpause(container["Id"])
            if container["State"].get("Running") or container["State"].get("Restarting"):
                client.stop(container["Id"], timeout=seconds)
            if remove:
                client.remove_container(container["Id"], v=True, force=True)

    def remove(self, object_id: str) -> None:
        """Remove a container. One that is gone already is no error."""
        with self._unless_going("the container cannot be removed") as client:
            client.remove_container(object_id, v=True, force=True)

    def logs(self, object_id: str, lines: int) -> list[str]:
        """Give the last lines of a container.

        Args:
            object_id: its id.
            lines: how many at most.

        Returns:
            The lines, oldest first.
        """
        if lines <= 0:
            return []
        with self.engine.asked() as client:
            wrote: bytes = client.logs(object_id, stdout=True, stderr=True, tail=lines)
        return wrote.decode(errors="replace").splitlines()[-lines:]

    def inventory(self, mark: str) -> list[Found]:
        """List what this plugin launched under the hub's mark.

        A kept container that does not run belongs to no start. One that runs with the token of an earlier
        start has no address here: then it is started again, which reads the token.

        Args:
            mark: of the hub.

        Returns:
            What there is.
        """
        wanted = [f"{marks.MARK}={mark}", f"{marks.PLUGIN}={self.plugin}"]
        with self.engine.asked() as client:
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
    def _unless_going(self, doing: str) -> Iterator[Any]:
        """Hand out the client; that the container is gone, or somebody else removes it, is no error."""
        try:
            with self.engine.asked(doing) as client:
                yield client
        except EngineError as error:
            if not error.gone and "is already in progress" not in error.detail:
                raise


def has_run(container: Inspected) -> bool:
    """Tell whether a container was ever started."""
    return str(container["State"].get("StartedAt") or _NEVER) != _NEVER


def is_coming_back(container: Inspected) -> bool:
    """Tell whether the engine will start a container again that has just ended by itself, or with the engine.

    Args:
        container: as inspected; it does not run.

    Returns:
        Whether its restart policy says so; no longer than a minute after it has ended, because the engine
        starts none that somebody has stopped.
    """
    state, policy = container["State"], container["HostConfig"].get("RestartPolicy") or {}
    most = int(policy.get("MaximumRetryCount") or 0)
    again = policy.get("Name") in {"always", "unless-stopped"} or (
        policy.get("Name") == "on-failure"
        and bool(state.get("ExitCode"))
        and (not most or int(container.get("RestartCount") or 0) < most)
    )
    if not again or state.get("Status") != "exited":
        return False
    # The engine writes nanoseconds, which Python does not read.
    ended = datetime.fromisoformat(f"{str(state['FinishedAt'])[:19]}+00:00")
    return datetime.now(UTC) - ended < timedelta(seconds=COMING_BACK_SECONDS)


_OVER = frozenset({"created", "exited", "dead", "removing"})


def _listed_address(listed: Mapping[str, Any], engine_host: str) -> str:
    """Find the address of a running container among those that the engine lists."""
    known = marks.labels(listed)
    port = port_of(listed, 0)
    outside = reached(published(listed, port), engine_host)
    inside = [known[marks.HOST]] if known.get(marks.HOST) else addresses(listed, network_of(listed))
    places = [*outside, *((host, port) for host in inside if port)]
    return next((f"{marks.scheme_of(known)}://{host_in_url(host)}:{number}" for host, number in places), "")
