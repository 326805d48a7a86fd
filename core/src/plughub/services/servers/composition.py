"""Composition of the services of servers."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.services.basis import Basis
from plughub.services.operations.composition import OperationServices
from plughub.services.routes.composition import RouteServices
from plughub.services.servers.announced_stops import AnnouncedStops
from plughub.services.servers.force_forget import ForceForget
from plughub.services.servers.logs import LogService
from plughub.services.servers.named_servers import NamedServers
from plughub.services.servers.poller import Poller
from plughub.services.servers.profiles import Profiles
from plughub.services.servers.servers import ServerService
from plughub.services.servers.spawner_checks import SpawnerChecks
from plughub.services.servers.start_durations import StartDurations
from plughub.services.servers.unrunnable_operations import UnrunnableOperations
from plughub.services.servers.usage import UsageService


@dataclass(frozen=True, kw_only=True)
class ServerServices:
    """Services of this package.

    Attributes:
        servers: starts and stops servers.
        profiles: profiles that spawners offer to users.
        spawner_checks: checks whether spawners can start servers.
        named_servers: creates and changes servers that are not running.
        force_forget: marks servers as stopped whose plugin or machine is permanently lost.
        poller: polls running servers.
        unrunnable_operations: ends operations that no hub process can execute.
        logs: reads what servers write.
        start_durations: finds how long starts usually take.
        usage: measures what running servers use.
        announced_stops: stores when servers will be stopped.
    """

    servers: ServerService
    profiles: Profiles
    spawner_checks: SpawnerChecks
    named_servers: NamedServers
    force_forget: ForceForget
    poller: Poller
    unrunnable_operations: UnrunnableOperations
    logs: LogService
    start_durations: StartDurations
    usage: UsageService
    announced_stops: AnnouncedStops


def compose_servers(basis: Basis, routes: RouteServices, operations: OperationServices) -> ServerServices:
    """Create the services of this package."""
    parts = basis.store, basis.hooks, basis.settings
    watch = operations.server_watch
    profiles = Profiles(basis.hooks, basis.auth_states)
    servers = ServerService(
        *parts, operations.runner, operations.server_subscriptions, basis.events, profiles
    )
    return ServerServices(
        profiles=profiles,
        spawner_checks=SpawnerChecks(basis.hooks),
        servers=servers,
        named_servers=NamedServers(*parts),
        force_forget=ForceForget(*parts, routes.router, watch),
        poller=Poller(*parts, servers, routes.router, basis.change_feed),
        unrunnable_operations=UnrunnableOperations(basis.store, basis.settings, watch),
        logs=LogService(*parts),
        start_durations=StartDurations(basis.store),
        usage=UsageService(*parts),
        announced_stops=AnnouncedStops(basis.store),
    )
