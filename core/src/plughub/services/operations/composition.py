"""Composition of the services that execute operations."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.domain.servers import OperationKind
from plughub.services.basis import Basis
from plughub.services.operations.cleanup import ServerCleanup
from plughub.services.operations.posted_values import PostedValues
from plughub.services.operations.runner import Runner
from plughub.services.operations.server_watch import ServerSubscriptions, ServerWatch
from plughub.services.operations.start import StartSteps
from plughub.services.operations.stop import StopSteps
from plughub.services.routes.composition import RouteServices


@dataclass(frozen=True, kw_only=True)
class OperationServices:
    """Services of this package.

    Attributes:
        server_watch: records which servers changed, for subscribers.
        server_subscriptions: sends changes of servers to subscribers.
        posted_values: passes what starting servers post to their spawners.
        server_cleanup: cleans up after servers that end.
        runner: executes operations.
    """

    server_watch: ServerWatch
    server_subscriptions: ServerSubscriptions
    posted_values: PostedValues
    server_cleanup: ServerCleanup
    runner: Runner


def compose_operations(basis: Basis, routes: RouteServices) -> OperationServices:
    """Create the services of this package."""
    server_watch = ServerWatch()
    cleanup = ServerCleanup(basis.hooks, basis.settings, basis.auth_states)
    runner = Runner(basis.store, basis.settings, server_watch)
    subscriptions = ServerSubscriptions(basis.store, server_watch)
    posted = PostedValues(basis.store, basis.hooks, basis.settings, subscriptions)
    parts = basis.hooks, basis.settings, routes.router, basis.events, cleanup
    runner.set_steps({OperationKind.START: StartSteps(*parts, posted), OperationKind.STOP: StopSteps(*parts)})
    return OperationServices(
        server_watch=server_watch,
        server_subscriptions=subscriptions,
        posted_values=posted,
        server_cleanup=cleanup,
        runner=runner,
    )
