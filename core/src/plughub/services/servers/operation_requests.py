"""Writing starts and stops down, as far as the state of a server and the limits allow them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from plughub.domain.clock import utcnow
from plughub.domain.errors import ConflictError, InvalidError, TooManyError
from plughub.domain.explanations import parts_of
from plughub.domain.servers import Failure, Operation, OperationKind, ServerRecord, Status
from plughub.domain.users import User
from plughub.services.operations.cleanup import forget_server
from plughub.services.settings import HubSettings
from plughub.storage.store import Transaction


class CleanupPendingError(InvalidError):
    """The last start of a server has failed, and what is left of it is not gone yet.

    Args:
        server: the server.
    """

    def __init__(self, server: ServerRecord) -> None:
        trouble, detail = parts_of(server.operation.trouble if server.operation else "")
        why = trouble or "what is left of it is being stopped"
        super().__init__(
            f"the last start of {server.full_name} has failed and is not tidied up yet: {why}",
            hint="It is tried again by itself. Try again in a minute.",
            detail=detail,
        )
        self.server = server


class OperationRequests:
    """Writes operations down, inside a transaction.

    Args:
        settings: of the hub.
        cleans_up: tells whether a spawner has anything to do when a server is forgotten.
    """

    def __init__(
        self, settings: HubSettings, cleans_up: Callable[[str], bool] = lambda _plugin: False
    ) -> None:
        self._settings = settings
        self._cleans_up = cleans_up

    def start(
        self,
        tx: Transaction,
        user: User,
        name: str,
        options: Mapping[str, Any] | None,
        plugin: str,
        requested_by: str,
        named_limit: int,
    ) -> ServerRecord:
        """Write a start down; one that goes on already is joined.

        Args:
            tx: the transaction.
            user: whose server.
            name: its name; a server that is new is stored.
            options: what the user chose; None for those of the last time.
            plugin: the spawner.
            requested_by: who asks.
            named_limit: how many named servers the user may have; 0 for any number.

        Returns:
            The server, with the operation where that is known.

        Raises:
            InvalidError: it runs, or is being stopped, or the user has too many.
            TooManyError: the hub is full.
            ConflictError: another process has done something to it since it was read.
        """
        server = tx.servers.get(user.name, name)
        if server is None:
            # Two requests for one new name must not become two servers.
            tx.users.lock(user.id)
            server = tx.servers.get(user.name, name)
        if server is None:
            check_named_limit(tx, user, named_limit)
            server = tx.servers.create(user.id, name)
        if tx.pending_deletions.is_pending(user.id):
            raise InvalidError(f"{user.name} is being deleted")
        if server.pending == "spawn":
            return server
        _check_stopped(server)
        self._check_room(tx)
        if options is not None:
            tx.servers.set_options(server.id, options)
        # A culler must not take the server for one that was last used weeks ago.
        tx.servers.touch({server.id: utcnow()})
        if not tx.servers.starting(server):
            raise changed_meanwhile(server)
        # Another process may have been first since the row was read: its operation is the one to join.
        with contextlib.suppress(ConflictError):
            operation = tx.operations.begin(
                server,
                OperationKind.START,
                backend=plugin,
                requested_by=requested_by,
                options_before=None if options is None else server.options,
            )
            chosen = server.options if options is None else options
            return replace(server, desired=Status.RUNNING, options=chosen, operation=operation)
        return server

    def stop(
        self,
        tx: Transaction,
        server: ServerRecord,
        *,
        now: bool,
        remove: bool,
        by: str,
        failure: Failure | None,
    ) -> None:
        """Write a stop down; a start that goes on is cancelled, a server that is gone is at most forgotten.

        Args:
            tx: the transaction.
            server: which.
            now: without a gentle end.
            remove: forget the server.
            by: who asks.
            failure: why, when it died by itself.

        Raises:
            ConflictError: another process has done something to it since it was read.
        """
        if server.operation is not None:
            tx.servers.unwanted(server.id)
            if _join(tx, server.operation, remove=remove):
                return
            server = tx.servers.by_id(server.id) or server
        if not server.active:
            if remove:
                self._forget(tx, server, by)
            return
        if not tx.servers.stopping(server):
            raise changed_meanwhile(server)
        tx.operations.begin(
            server,
            OperationKind.STOP,
            backend=server.backend or self._settings.default_spawner,
            host=server.host,
            requested_by=by,
            now=now,
            remove=remove,
            failure=failure,
        )

    def _forget(self, tx: Transaction, server: ServerRecord, by: str) -> None:
        """Forget a server that does not run, once its spawner has cleaned up."""
        if not tx.servers.keep_stopped(server):
            raise changed_meanwhile(server)
        backend = server.backend or self._settings.default_spawner
        if not self._cleans_up(backend):
            forget_server(tx, self._settings, server)
            return
        tx.operations.begin(server, OperationKind.STOP, backend=backend, requested_by=by, remove=True)

    def _check_room(self, tx: Transaction) -> None:
        limit = self._settings.active_server_limit
        if limit and tx.servers.count_active() >= limit:
            raise TooManyError("Active user limit exceeded. Try again in a few minutes.", retry_after=60)


def changed_meanwhile(server: ServerRecord) -> ConflictError:
    """Say that another process was a moment ahead.

    Args:
        server: the server.

    Returns:
        What to raise.
    """
    return ConflictError(f"something was done to {server.full_name} at the same moment, please try again")


def _check_stopped(server: ServerRecord) -> None:
    if server.operation is not None and server.operation.undoing:
        raise CleanupPendingError(server)
    if server.pending:
        raise InvalidError(f"{server.full_name} is pending {server.pending}")
    if server.status is not Status.STOPPED:
        raise InvalidError(f"{server.full_name} is already running")


def _join(tx: Transaction, operation: Operation, *, remove: bool) -> bool:
    """Have what goes on already end as it is wanted now; False when it has just ended."""
    if operation.kind is OperationKind.START:
        if tx.operations.withdraw(operation.id):
            return not remove
        if not tx.operations.cancel(operation.id):
            return False
    tx.operations.retry_now(operation.id)
    return not remove or tx.operations.remove_at_end(operation.id)


def check_named_limit(tx: Transaction, user: User, limit: int) -> None:
    """Refuse a further named server when a user has as many as allowed.

    Args:
        tx: the transaction.
        user: whose.
        limit: how many; 0 for any number.

    Raises:
        InvalidError: the limit is reached.
    """
    named = [server for server in tx.servers.of_user(user.id) if server.name]
    if limit and len(named) >= limit:
        raise InvalidError(f"{user.name} already has the maximum of {limit} named servers; delete one first")
