"""Services on a swarm: search, creation, removal. Everything here blocks."""

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
        engine: engine of a swarm manager.
        plugin: name of the plugin.
        host_ip: host for published ports; the node's own address if empty.
    """

    engine: Engine
    plugin: str
    host_ip: str = ""

    def inspect(self, reference: str) -> Inspected | None:
        """Inspect a service by id or name; None if it does not exist."""
        with IgnoreMissing(), self._request() as client:
            found: Inspected = client.inspect_service(reference)
            return found
        return None

    def find(self, server: Server, object_id: str, name: str) -> Inspected | None:
        """Find the service of a start.

        Args:
            server: the server record.
            object_id: id of the service, if known.
            name: name of the service, for a start that was interrupted before the id was stored.
        """
        for reference in filter(None, (object_id, name)):
            found = self.inspect(reference)
            if found and marks.belongs(found, server, self.plugin):
                operation = marks.labels(found).get(marks.OPERATION)
                return found if server.operation in {"", operation} else None
        return None

    def find_earlier(self, server: Server, name: str) -> Inspected | None:
        """Return the service of an earlier start that still has the name of a new service.

        Raises:
            SpawnFailed: the name belongs to another service.
        """
        found = self.inspect(name)
        if found is None or marks.belongs(found, server, self.plugin):
            return found
        raise SpawnFailed(
            f"the service name {name!r} is already used by a service of another server",
            detail="remove that service, or choose different names with SwarmSpawner.prefix or "
            "SwarmSpawner.name_template",
            retry=False,
        )

    def create(self, name: str, labels: Mapping[str, str], task: TaskTemplate, endpoint: EndpointSpec) -> str:
        """Create a service of one task and return its id."""
        with self._request(f"service {name!r} cannot be created") as client:
            created = client.create_service(task, name=name, labels=dict(labels), endpoint_spec=endpoint)
            return str(created["ID"])

    def remove(self, service: Inspected, *, now: bool) -> None:
        """Remove a service; its tasks end in the background. A missing service is not an error.

        Args:
            service: result of an inspection.
            now: kill the containers that run on this engine; others get their grace period.
        """
        with contextlib.suppress(EngineError), self._request() as client:
            for task in self.tasks(service) if now else ():
                if container_of(task):
                    client.kill(container_of(task))
        with IgnoreMissing(), self._request("the service cannot be removed") as client:
            client.remove_service(service["ID"])

    def tasks(self, service: Inspected) -> list[Task]:
        """List the tasks of a service."""
        return self.tasks_of(marks.labels(service).get(marks.OPERATION, ""))

    def tasks_of(self, operation: str) -> list[Task]:
        """List the tasks of a start, including ended ones, even when its service is gone."""
        with self._request() as client:
            return list(client.tasks(filters={"label": f"{marks.OPERATION}={operation}"}))

    def still_ending(self, operation: str) -> list[Task]:
        """List the tasks of a start that have not ended yet, on reachable nodes."""
        waiting = [
            task for task in self.tasks_of(operation) if state_of(task) in ALIVE and container_of(task)
        ]
        return [task for task in waiting if self.node_state(task) != DOWN]

    def is_lost(self, task: Task) -> bool:
        """Return whether the swarm replaced a task because its node is down."""
        return is_ending(task) and self.node_state(task) == DOWN

    def node_state(self, task: Task) -> str:
        """Return the state of a task's node; ``down`` if the swarm has lost the node."""
        node = self.node_of(task)
        return str(node["Status"]["State"]) if node else DOWN

    def node_of(self, task: Task) -> Inspected | None:
        """Inspect the node of a task; None if it has none, or the node left the swarm."""
        node: Inspected | None = None
        if task.get("NodeID"):
            with IgnoreMissing(), self._request() as client:
                node = client.inspect_node(task["NodeID"])
        return node

    def node_name(self, task: Task) -> str:
        """Return the name of a task's node."""
        node = self.node_of(task)
        return str(node["Description"]["Hostname"]) if node else "(gone)"

    def was_out_of_memory(self, task: Task) -> bool | None:
        """Return whether a container was killed because memory ran out; None if it is on another machine."""
        with contextlib.suppress(EngineError), self._request() as client:
            return bool(client.inspect_container(container_of(task))["State"].get("OOMKilled"))
        return None

    def address_of(self, service: Inspected, task: Task, nodes: Mapping[str, Inspected] | None = None) -> str:
        """Return the URL of a server; empty while it has none.

        Args:
            service: result of an inspection.
            task: running task of the service.
            nodes: nodes by id, if already listed.
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
        """List the addresses of all nodes, because a server may run on any of them."""
        with self._request() as client:
            found = [_node_address(node) for node in client.nodes()]
        return [address.strip("[]") for address in found if address]

    def logs(self, service: Inspected, lines: int) -> list[str]:
        """Return the last lines of a service's log, oldest first."""
        if lines <= 0:
            return []
        with self._request() as client:
            wrote = client.service_logs(service["ID"], stdout=True, stderr=True, tail=lines, is_tty=False)
        content = wrote if isinstance(wrote, bytes) else b"".join(wrote)
        return content.decode(errors="replace").splitlines()[-lines:]

    def inventory(self, mark: str) -> list[Found]:
        """List what this plugin launched under the hub's mark; without a URL where no task is running."""
        wanted = [f"{marks.MARK}={mark}", f"{marks.PLUGIN}={self.plugin}"]
        with self._request() as client:
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
    def _request(self, doing: str = "") -> Any:
        """Yield the client; explain an engine that is not a swarm manager."""
        try:
            with self.engine.request(doing) as client:
                yield client
        except EngineError as error:
            if "not a swarm manager" in error.detail:
                raise EngineError(
                    "the hub cannot reach its swarm",
                    detail=f"the Docker engine at {self.engine.address} is not a swarm manager: run docker "
                    "swarm init, or set SwarmSpawner.client_kwargs to the address of a manager",
                ) from error
            raise


def _publishes(service: Inspected, port: int) -> bool:
    ports = (service["Spec"].get("EndpointSpec") or {}).get("Ports") or ()
    return any(one.get("TargetPort") == port for one in ports)


def _node_address(node: Inspected | None) -> str:
    """Return the address of a node; a manager may report it only along with its role."""
    if node is None:
        return ""
    address = str(node["Status"].get("Addr") or "")
    if address in {"", "0.0.0.0"}:  # noqa: S104 - a comparison
        manager = (node.get("ManagerStatus") or {}).get("Addr", "")
        address = urlsplit(f"//{manager}").hostname or ""
    return host_in_url(address)
