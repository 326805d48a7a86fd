"""Services on a swarm: finding, making, ending. Everything here blocks."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from docker.types import EndpointSpec, TaskTemplate

from plughub.kinds import Found, Server
from plughub.spawner import SpawnFailed
from plughub.utils import host_in_url
from plughub_docker import marks
from plughub_docker.engine import Engine, EngineError, IgnoreMissing
from plughub_docker.swarm_secrets import without_service
from plughub_docker.tasks import ALIVE, Task, container_of, is_ending, newest, published_port, state_of

Inspected = Mapping[str, Any]
DOWN: Final = "down"


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one plugin on one swarm.

    Attributes:
        engine: a manager of the swarm.
        plugin: name of the plugin.
        host_ip: where published ports are reached; at each node's own address when empty.
    """

    engine: Engine
    plugin: str
    host_ip: str = ""

    def inspect(self, reference: str) -> Inspected | None:
        """Look at a service.

        Args:
            reference: its id or name.

        Returns:
            What the swarm says of it; None when there is none.
        """
        with IgnoreMissing(), self._asked() as client:
            found: Inspected = client.inspect_service(reference)
            return found
        return None

    def find(self, server: Server, object_id: str, name: str) -> Inspected | None:
        """Find the service of a start.

        Args:
            server: the record.
            object_id: id of the service, where it is known.
            name: its name, by which it is found when a start did not get far enough to tell the id.

        Returns:
            The service; None when this start has none.
        """
        for reference in filter(None, (object_id, name)):
            found = self.inspect(reference)
            if found and marks.belongs(found, server, self.plugin):
                mine = marks.labels(found).get(marks.OPERATION)
                return found if server.operation in {"", mine} else None
        return None

    def find_earlier(self, server: Server, name: str) -> Inspected | None:
        """Find what holds the name that a new service is to have.

        Args:
            server: the record.
            name: of the new service.

        Returns:
            The service of an earlier start of the same server, or None.

        Raises:
            SpawnFailed: the name is taken by something else.
        """
        found = self.inspect(name)
        if found is None or marks.belongs(found, server, self.plugin):
            return found
        raise SpawnFailed(
            f"the service name {name!r} is taken by a service that is not this server's",
            detail="remove it, or make names differ by SwarmSpawner.prefix or SwarmSpawner.name_template",
            retry=False,
        )

    def create(self, name: str, labels: Mapping[str, str], task: TaskTemplate, endpoint: EndpointSpec) -> str:
        """Make a service of one task.

        Args:
            name: its name.
            labels: its labels.
            task: what it runs.
            endpoint: how it is reached.

        Returns:
            Its id.
        """
        with self._asked(f"service {name!r} cannot be made") as client:
            made = client.create_service(task, name=name, labels=dict(labels), endpoint_spec=endpoint)
            return str(made["ID"])

    def remove(self, service: Inspected, *, now: bool) -> None:
        """Remove a service; its tasks end in the background. One that is gone already is no error.

        Args:
            service: as inspected.
            now: kill the containers that run on this very engine; others have their time.
        """
        with contextlib.suppress(EngineError), self._asked() as client:
            for task in self.tasks(service) if now else ():
                if container_of(task):
                    client.kill(container_of(task))
        with IgnoreMissing(), self._asked("the service cannot be removed") as client:
            client.remove_service(service["ID"])

    def tasks(self, service: Inspected) -> list[Task]:
        """List the tasks of a service."""
        return self.tasks_of(marks.labels(service).get(marks.OPERATION, ""))

    def tasks_of(self, operation: str) -> list[Task]:
        """List the tasks of a start, also when its service is gone.

        Args:
            operation: the start.

        Returns:
            The tasks, ended ones too.
        """
        with self._asked() as client:
            return list(client.tasks(filters={"label": f"{marks.OPERATION}={operation}"}))

    def still_ending(self, operation: str) -> list[Task]:
        """List the tasks of a start that have to end and have not, on nodes that can be reached.

        Args:
            operation: the start.

        Returns:
            The tasks.
        """
        waiting = [
            task for task in self.tasks_of(operation) if state_of(task) in ALIVE and container_of(task)
        ]
        return [task for task in waiting if self.node_state(task) != DOWN]

    def is_lost(self, task: Task) -> bool:
        """Tell whether a task was given up because its node does not answer any more."""
        return is_ending(task) and self.node_state(task) == DOWN

    def node_state(self, task: Task) -> str:
        """Tell in which state the node of a task is; ``down`` when the swarm has lost it."""
        node = self.node_of(task)
        return str(node["Status"]["State"]) if node else DOWN

    def node_of(self, task: Task) -> Inspected | None:
        """Look at the node of a task; None when it has none, or has left."""
        node: Inspected | None = None
        if task.get("NodeID"):
            with IgnoreMissing(), self._asked() as client:
                node = client.inspect_node(task["NodeID"])
        return node

    def node_name(self, task: Task) -> str:
        """Give the name of the node of a task."""
        node = self.node_of(task)
        return str(node["Description"]["Hostname"]) if node else "(gone)"

    def was_out_of_memory(self, task: Task) -> bool | None:
        """Tell whether a container was killed for want of memory; None when it is on another machine."""
        with contextlib.suppress(EngineError), self._asked() as client:
            return bool(client.inspect_container(container_of(task))["State"].get("OOMKilled"))
        return None

    def address_of(self, service: Inspected, task: Task, nodes: Mapping[str, Inspected] | None = None) -> str:
        """Tell where the server of a task listens.

        Args:
            service: as inspected.
            task: its task, which runs.
            nodes: by id, where they were listed already.

        Returns:
            ``http://address:port``, or ``https``: that of the node where the port is published, else name
            and port of the service; empty when there is none yet.
        """
        known = marks.labels(service)
        port, scheme = int(known.get(marks.PORT, 0)), marks.scheme_of(known)
        if not _publishes(service, port):
            return f"{scheme}://{service['Spec']['Name']}:{port}"
        published = published_port(task, port)
        if not published:
            return ""
        node = self.node_of(task) if nodes is None else nodes.get(task.get("NodeID", ""))
        host = self.host_ip or _node_address(node)
        return f"{scheme}://{host}:{published}" if host else ""

    def node_addresses(self) -> list[str]:
        """List the addresses of all nodes, on any of which a server may land."""
        with self._asked() as client:
            found = [_node_address(node) for node in client.nodes()]
        return [address.strip("[]") for address in found if address]

    def logs(self, service: Inspected, lines: int) -> list[str]:
        """Give the last lines of a service.

        Args:
            service: as inspected.
            lines: how many at most.

        Returns:
            The lines, oldest first.
        """
        if lines <= 0:
            return []
        with self._asked() as client:
            wrote = client.service_logs(service["ID"], stdout=True, stderr=True, tail=lines, is_tty=False)
        content = wrote if isinstance(wrote, bytes) else b"".join(wrote)
        return content.decode(errors="replace").splitlines()[-lines:]

    def inventory(self, mark: str) -> list[Found]:
        """List what this plugin launched under the hub's mark.

        Args:
            mark: of the hub.

        Returns:
            What there is; without an address where nothing runs yet or any more.
        """
        wanted = [f"{marks.MARK}={mark}", f"{marks.PLUGIN}={self.plugin}"]
        with self._asked() as client:
            secrets = client.secrets(filters={"label": wanted})
            services = client.services(filters={"label": wanted})
            tasks = client.tasks(filters={"label": wanted}) if services else []
            nodes = {node["ID"]: node for node in client.nodes()} if services else {}
        by_service = defaultdict(list)
        for task in tasks:
            by_service[task["ServiceID"]].append(task)
        found = [self._found(service, by_service[service["ID"]], nodes) for service in services]
        return [*found, *without_service(secrets, {one.operation for one in found})]

    def _found(self, service: Inspected, tasks: Iterable[Task], nodes: Mapping[str, Inspected]) -> Found:
        known, task = marks.labels(service), newest(tasks)
        runs = task is not None and state_of(task) == "running" and not is_ending(task)
        return Found(
            operation=known.get(marks.OPERATION, ""),
            user=known.get(marks.USER, ""),
            server=known.get(marks.SERVER, ""),
            url=self.address_of(service, task, nodes) if task is not None and runs else "",
            state={"object_id": service["ID"], "object_name": service["Spec"]["Name"]},
        )

    @contextlib.contextmanager
    def _asked(self, doing: str = "") -> Any:
        """Hand out the client; an engine that is no manager of a swarm is said so."""
        try:
            with self.engine.asked(doing) as client:
                yield client
        except EngineError as error:
            if "not a swarm manager" in error.detail:
                raise EngineError(
                    "the hub cannot reach its swarm",
                    detail=f"the Docker engine at {self.engine.address} is no manager of a swarm: docker "
                    "swarm init, or give the address of one (SwarmSpawner.client_kwargs)",
                ) from error
            raise


def _publishes(service: Inspected, port: int) -> bool:
    ports = (service["Spec"].get("EndpointSpec") or {}).get("Ports") or ()
    return any(one.get("TargetPort") == port for one in ports)


def _node_address(node: Inspected | None) -> str:
    """Find a node's address; a manager that does not know its own tells it beside its role."""
    if node is None:
        return ""
    address = str(node["Status"].get("Addr") or "")
    if address in {"", "0.0.0.0"}:  # noqa: S104 - a comparison
        manager = (node.get("ManagerStatus") or {}).get("Addr", "")
        address = urlsplit(f"//{manager}").hostname or ""
    return host_in_url(address)
