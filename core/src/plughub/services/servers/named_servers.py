"""Servers that do not run: making them, and changing what is stored of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from plughub.domain.names import check_server_name, shorten
from plughub.domain.scopes import FilterFacts, gained_over_server, name_scopes
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.kinds import Server
from plughub.plugin.hooks import Hooks
from plughub.services.operations.cleanup import void_credentials
from plughub.services.server_records import stored_view
from plughub.services.servers.operation_requests import changed_meanwhile, check_named_limit
from plughub.services.servers.request_rules import check_options
from plughub.services.settings import HubSettings
from plughub.services.tokens.principals import Principal
from plughub.storage.store import Store, Transaction


class NamedServers:
    """Makes and changes servers that do not run.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
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
        """Make a server without starting it.

        Args:
            user: whose.
            name: its name; every user has a default server already.
            display_name: what pages call it; checked.
            options: for its first start.
            limit: how many the user may have, 0 for any number; None for what the settings say.

        Returns:
            The server.

        Raises:
            InvalidError: the name or an option is not good, or the user has too many.
            ConflictError: there is such a server.
        """
        self._check_name(name)
        options = check_options(options)

        def work(tx: Transaction) -> ServerRecord:
            tx.users.lock(user.id)
            if tx.users.by_id(user.id) is None:
                raise NotFoundError(f"there is no user {shorten(user.name)}")
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
        """Change what is stored of a server; what is None stays.

        Args:
            server: which; it does not run.
            name: its new name.
            display_name: what pages call it; checked, empty for its name.
            options: for its next start.
            by: the caller; None for the hub itself.

        Returns:
            The server as it is then.

        Raises:
            InvalidError: it runs, or the name or an option is not good, or it is the default server.
            ConflictError: there is a server of that name.
            ForbiddenError: the new name would give the caller access to the server.
            NotFoundError: there is no such server any more.
            PluginError: its spawner cannot follow the new name; nothing is changed.
        """
        options = check_options(options)
        renamed = name is not None and name != server.name
        if renamed:
            self._check_rename(server, name or "")
            await self._follow(server, name or "", by)

        def work(tx: Transaction) -> ServerRecord:
            tx.users.lock(server.user_id)
            current = _held(tx, server)
            if renamed and name is not None:
                self._check_free(tx, server.user_id, name)
                void_credentials(tx, self._settings, current)
                tx.servers.rename(server.id, name)
            if display_name is not None:
                tx.servers.set_display_name(server.id, display_name)
            if options is not None:
                tx.servers.set_options(server.id, options)
            return _there(tx, current)

        return await self._store.write(work)

    async def call(self, server: ServerRecord, display_name: str) -> None:
        """Store what pages call a server, whether it runs or not.

        Args:
            server: which.
            display_name: checked; empty for its name.
        """
        await self._store.write(lambda tx: tx.servers.set_display_name(server.id, display_name))

    async def _follow(self, server: ServerRecord, name: str, by: Principal | None) -> None:
        """Have the spawner of a server follow its new name, when it can be."""

        def check(tx: Transaction) -> Server:
            current = _stopped(tx, server)
            _check_reach(tx, current, name, by)
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
                raise ConflictError(f"{server.full_name} already exists")


def _stopped(tx: Transaction, server: ServerRecord) -> ServerRecord:
    current = _there(tx, server)
    if current.active:
        raise InvalidError(f"{current.full_name} is active: stop it first")
    return current


def _check_reach(tx: Transaction, server: ServerRecord, name: str, by: Principal | None) -> None:
    """Refuse a name that gives the caller more access than before."""
    user = tx.users.by_id(server.user_id)
    if user is None or by is None:
        return
    gained = gained_over_server(by.scopes, FilterFacts(user.name, user.groups), server.name, name)
    if gained:
        raise ForbiddenError(
            f"with the name {shorten(name)} you would get at the server with {name_scopes(gained)}",
            hint="ask an admin of this hub",
        )


def _held(tx: Transaction, server: ServerRecord) -> ServerRecord:
    """Keep a server from being started before what is written of it is stored."""
    current = _stopped(tx, server)
    if not tx.servers.keep_stopped(current):
        raise changed_meanwhile(current)
    return current


def _there(tx: Transaction, server: ServerRecord) -> ServerRecord:
    found = tx.servers.by_id(server.id)
    if found is None:
        raise NotFoundError(f"there is no server {shorten(server.full_name)}")
    return found
