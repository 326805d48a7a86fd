"""Requests to start and stop servers, within the limits and the server's state."""

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
from plughub.domain.words import _
from plughub.services.operations.cleanup import delete_server
from plughub.services.settings import HubSettings
from plughub.storage.operations import Claimant
from plughub.storage.store import Transaction


class CleanupPendingError(InvalidError):
    """The last start of a server has failed, and its cleanup has not ended yet.

    Args:
        server: the server.
    """

    def __init__(self, server: ServerRecord) -> None:
        problem, detail = parts_of(server.operation.problem if server.operation else "")
        why = problem or "it is being stopped"
        super().__init__(
            f"the last start of {server.full_name} failed and is still being cleaned up: {why}",
            hint="The hub retries by itself. Try again in a minute.",
            detail=detail,
        )
        self.server = server


class OperationRequests:
    """Stores operations, inside a transaction.

    Args:
        settings: settings of the hub.
        cleans_up: whether a spawner cleans up when a server is deleted.
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
        profile: str = "",
        claimant: Claimant | None = None,
    ) -> tuple[ServerRecord, bool]:
        """Store a start, or join one that is in progress.

        Args:
            tx: the transaction.
            user: the server's user.
            name: its name; a new server is created.
            options: chosen options; None to reuse the last.
            plugin: the spawner.
            requested_by: name of the requester.
            named_limit: named servers that the user may have; 0 for no limit.
            profile: title of the chosen profile; empty for none.
            claimant: the process that claims the operation, unless it has to wait in the queue.

        Returns:
            The server, with its operation where that is known, and whether the claimant has claimed it.

        Raises:
            InvalidError: it is running or being stopped, or the user has too many.
            TooManyError: the hub has reached its limit of active servers.
            ConflictError: another process has changed the server since it was read.
        """
        server = _get_or_create(tx, user, name, named_limit)
        if tx.pending_deletions.is_pending(user.id):
            raise InvalidError(_("%(user)s is being deleted", user=user.name))
        if server.pending == "spawn":
            return server, False
        _check_stopped(server)
        self._check_active_limit(tx)
        wanted = _store_request(tx, server, options, profile)
        # Another process may have stored an operation since the row was read: join that one.
        with contextlib.suppress(ConflictError):
            operation = tx.operations.begin(
                server,
                OperationKind.START,
                backend=plugin,
                requested_by=requested_by,
                options_before=None if options is None else server.options,
                claimant=claimant,
            )
            return replace(wanted, operation=operation), operation.attempts > 0
        return server, False

    def stop(
        self,
        tx: Transaction,
        server: ServerRecord,
        *,
        now: bool,
        remove: bool,
        by: str,
        failure: Failure | None,
        claimant: Claimant | None = None,
    ) -> ServerRecord | None:
        """Store a stop; a start in progress is cancelled, a stopped server is at most deleted.

        Args:
            tx: the transaction.
            server: the server.
            now: stop without a grace period.
            remove: delete the server afterwards.
            by: name of the requester.
            failure: the reason, when the server ended by itself.
            claimant: the process that claims a new operation.

        Returns:
            The server with its new operation, if the claimant has claimed it; else None.

        Raises:
            ConflictError: another process has changed the server since it was read.
        """
        if server.operation is not None:
            tx.servers.request_stop(server.id)
            if _join(tx, server.operation, remove=remove):
                return None
            server = tx.servers.by_id(server.id) or server
        if not server.active:
            if remove:
                self._delete(tx, server, by)
            return None
        if not tx.servers.mark_stopping(server):
            raise concurrent_change(server)
        operation = tx.operations.begin(
            server,
            OperationKind.STOP,
            backend=server.backend or self._settings.default_spawner,
            host=server.host,
            requested_by=by,
            now=now,
            remove=remove,
            failure=failure,
            claimant=claimant,
        )
        if not operation.attempts:
            return None
        return replace(server, status=Status.STOPPING, desired=Status.STOPPED, operation=operation)

    def _delete(self, tx: Transaction, server: ServerRecord, by: str) -> None:
        """Delete a server that is not running, after its spawner has cleaned up."""
        if not tx.servers.keep_stopped(server):
            raise concurrent_change(server)
        backend = server.backend or self._settings.default_spawner
        if not self._cleans_up(backend):
            delete_server(tx, self._settings, server)
            return
        tx.operations.begin(server, OperationKind.STOP, backend=backend, requested_by=by, remove=True)

    def _check_active_limit(self, tx: Transaction) -> None:
        limit = self._settings.active_server_limit
        if limit and tx.servers.count_active() >= limit:
            raise TooManyError("Active user limit exceeded. Try again in a few minutes.", retry_after=60)


def concurrent_change(server: ServerRecord) -> ConflictError:
    """Return the error for a server that another process has just changed."""
    return ConflictError(
        _(
            "%(full_name)s was changed by another request at the same time; try again",
            full_name=server.full_name,
        )
    )


def _get_or_create(tx: Transaction, user: User, name: str, named_limit: int) -> ServerRecord:
    server = tx.servers.get(user.name, name)
    if server is None:
        # Two requests for one new name must not become two servers.
        tx.users.lock(user.id)
        server = tx.servers.get(user.name, name)
    if server is None:
        check_named_limit(tx, user, named_limit)
        server = tx.servers.create(user.id, name)
    return server


def _store_request(
    tx: Transaction, server: ServerRecord, options: Mapping[str, Any] | None, profile: str
) -> ServerRecord:
    """Store what a start request changes in a server, and return the server as it is then."""
    if options is not None:
        tx.servers.set_options(server.id, options)
    # A culler must not mistake the server for one that has been idle for weeks.
    at = utcnow()
    tx.servers.touch({server.id: at})
    if not tx.servers.request_start(server, profile):
        raise concurrent_change(server)
    chosen = server.options if options is None else options
    return replace(server, desired=Status.RUNNING, options=chosen, profile=profile, last_activity=at)


def _check_stopped(server: ServerRecord) -> None:
    if server.operation is not None and server.operation.is_undoing:
        raise CleanupPendingError(server)
    if server.pending:
        raise InvalidError(
            _("%(full_name)s is pending %(pending)s", full_name=server.full_name, pending=server.pending)
        )
    if server.status is not Status.STOPPED:
        raise InvalidError(_("%(full_name)s is already running", full_name=server.full_name))


def _join(tx: Transaction, operation: Operation, *, remove: bool) -> bool:
    """Adapt the operation in progress to a stop request; False when it has just ended."""
    if operation.kind is OperationKind.START:
        if tx.operations.cancel_queued(operation.id):
            return not remove
        if not tx.operations.cancel(operation.id):
            return False
    tx.operations.retry_now(operation.id)
    return not remove or tx.operations.remove_at_end(operation.id)


def check_named_limit(tx: Transaction, user: User, limit: int) -> None:
    """Refuse another named server when the user has reached the limit.

    Args:
        tx: the transaction.
        user: the user.
        limit: named servers allowed; 0 for no limit.

    Raises:
        InvalidError: the limit is reached.
    """
    named = [server for server in tx.servers.of_user(user.id) if server.name]
    if limit and len(named) >= limit:
        raise InvalidError(
            _(
                "%(user)s already has the maximum of %(limit)s named servers; delete one first",
                user=user.name,
                limit=limit,
            )
        )
