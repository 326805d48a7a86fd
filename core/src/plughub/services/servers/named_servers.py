"""Creation and changes of servers that are not running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import check_server_name, shorten
from plughub.domain.scopes import FilterFacts, gained_over_server, name_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.operations.credentials import revoke_credentials
from plughub.services.server_records import stored_view
from plughub.services.servers.operation_requests import check_named_limit, concurrent_change
from plughub.services.servers.request_rules import check_options
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction


class NamedServers:
    """Creates and changes servers that are not running.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
    """

    def __init__(self, store: Store, hooks: Hooks, settings: HubSettings) -> None:
        self._store = store
        self._hooks = hooks
        self._settings = settings

    async def create(
        self,
        user: User,
        name: str,
        *,
        display_name: str = "",
        options: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> ServerRecord:
        """Create a server without starting it.

        Args:
            user: its user.
            name: its name; every user already has a default server.
            display_name: validated name that pages show.
            options: for its first start.
            limit: how many the user may have, 0 for no limit; None for the limit in the settings.

        Returns:
            The server.

        Raises:
            InvalidError: the name or an option is not valid, or the user has too many.
            ConflictError: there already is such a server.
            NotFoundError: the user was deleted.
        """
        self._check_name(name)
        options = check_options(options)

        def work(tx: Transaction) -> ServerRecord:
            tx.users.lock(user.id)
            if tx.users.by_id(user.id) is None:
                raise NotFoundError(_("there is no user %(user)s", user=shorten(user.name)))
            self._check_free(tx, user.id, name)
            check_named_limit(tx, user, self._settings.named_server_limit if limit is None else limit)
            server = tx.servers.create(user.id, name, display_name)
            if options is not None:
                tx.servers.set_options(server.id, options)
            return tx.servers.by_id(server.id) or server

        return await self._store.write(work)

    async def change(
        self,
        server: ServerRecord,
        *,
        name: str | None = None,
        display_name: str | None = None,
        options: Mapping[str, Any] | None = None,
        by: Principal | None = None,
    ) -> ServerRecord:
        """Change stored values of a server; None leaves a value unchanged.

        Args:
            server: the server; it must not be running.
            name: its new name.
            display_name: validated name that pages show; empty for its name.
            options: for its next start.
            by: the caller; None for the hub itself.

        Returns:
            The changed server.

        Raises:
            InvalidError: it is running or the default server, or the name or an option is not valid.
            ConflictError: there already is a server with that name.
            ForbiddenError: the new name would give the caller access to the server.
            NotFoundError: there is no such server any more.
            PluginError: its spawner cannot rename it; nothing is changed.
        """
        options = check_options(options)
        renamed = name is not None and name != server.name
        if renamed:
            self._check_rename(server, name or "")
            await self._rename_at_spawner(server, name or "", by)

        def work(tx: Transaction) -> ServerRecord:
            tx.users.lock(server.user_id)
            current = _locked(tx, server)
            if renamed and name is not None:
                self._check_free(tx, server.user_id, name)
                revoke_credentials(tx, self._settings, current)
                tx.servers.rename(server.id, name)
            if display_name is not None:
                tx.servers.set_display_name(server.id, display_name)
            if options is not None:
                tx.servers.set_options(server.id, options)
            return _existing(tx, current)

        return await self._store.write(work)

    async def set_display_name(self, server: ServerRecord, display_name: str) -> None:
        """Store the name that pages show for a server, running or not.

        Args:
            server: the server.
            display_name: validated; empty for its name.
        """
        await self._store.write(lambda tx: tx.servers.set_display_name(server.id, display_name))

    async def _rename_at_spawner(self, server: ServerRecord, name: str, by: Principal | None) -> None:
        """Have the spawner rename a server, once the rename has been checked."""

        def check(tx: Transaction) -> Server:
            current = _stopped(tx, server)
            _check_gained_access(tx, current, name, by)
            self._check_free(tx, server.user_id, name)
            return stored_view(tx, self._settings, current)

        view = await self._store.read(check)
        await self._hooks.rename_server(server.backend or self._settings.default_spawner, view, name)

    def _check_rename(self, server: ServerRecord, name: str) -> None:
        if not server.name:
            raise InvalidError("the default server cannot be renamed")
        if not name:
            raise InvalidError("a named server needs a name")
        self._check_name(name)

    def _check_name(self, name: str) -> None:
        if name and not self._settings.allow_named_servers:
            raise InvalidError("named servers are not enabled", detail="JupyterHub.allow_named_servers")
        check_server_name(name)

    def _check_free(self, tx: Transaction, user_id: int, name: str) -> None:
        for server in tx.servers.of_user(user_id):
            if server.name == name:
                raise ConflictError(_("%(full_name)s already exists", full_name=server.full_name))


def _stopped(tx: Transaction, server: ServerRecord) -> ServerRecord:
    current = _existing(tx, server)
    if current.active:
        raise InvalidError(_("%(full_name)s is active: stop it first", full_name=current.full_name))
    return current


def _check_gained_access(tx: Transaction, server: ServerRecord, name: str, by: Principal | None) -> None:
    """Refuse a name that would give the caller more access than before."""
    user = tx.users.by_id(server.user_id)
    if user is None or by is None:
        return
    gained = gained_over_server(by.scopes, FilterFacts(user.name, user.groups), server.name, name)
    if gained:
        raise ForbiddenError(
            _(
                "the name %(name)s would give you access to the server through %(gained)s",
                name=shorten(name),
                gained=name_scopes(gained),
            ),
            hint="ask an admin of this hub",
        )


def _locked(tx: Transaction, server: ServerRecord) -> ServerRecord:
    """Read a stopped server, and keep it from being started before the transaction ends."""
    current = _stopped(tx, server)
    if not tx.servers.keep_stopped(current):
        raise concurrent_change(current)
    return current


def _existing(tx: Transaction, server: ServerRecord) -> ServerRecord:
    found = tx.servers.by_id(server.id)
    if found is None:
        raise NotFoundError(_("there is no server %(full_name)s", full_name=shorten(server.full_name)))
    return found
