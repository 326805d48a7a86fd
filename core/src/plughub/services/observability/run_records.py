"""Records of the runs of servers, written in the transactions that mark a server as launched and stopped."""

from __future__ import annotations

from plughub.domain.servers import Operation, ServerRecord, profile_of
from plughub.domain.usage import Outcome, RunStart
from plughub.domain.users import User
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction


def record_launch(
    tx: Transaction, settings: HubSettings, server: ServerRecord, user: User, operation: Operation
) -> None:
    """Record that a server is being launched, in the transaction that stores its launch."""
    if not settings.usage_days:
        return
    tx.runs.begin(
        RunStart(
            server_id=server.id,
            user_id=user.id,
            user=user.name,
            server=server.name,
            groups=user.groups,
            backend=operation.backend,
            profile=profile_of(server),
            requested=operation.created,
        )
    )


def record_end(tx: Transaction, server: ServerRecord, outcome: Outcome) -> None:
    """Record that a server has ended, in the transaction that marks it as stopped."""
    active = server.last_activity.timestamp() if server.last_activity else 0.0
    tx.runs.end(server.id, outcome, last_activity=active)
