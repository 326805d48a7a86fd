"""Addresses of running servers: a route leads to its own server or is removed."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from plughub.domain.errors import HubError, InvalidError, PluginError
from plughub.domain.explanations import explained, with_details
from plughub.domain.servers import ServerRecord
from plughub.domain.urls import address_of
from plughub.kinds import Endpoint, Moved, Server, Watched
from plughub.plugin.hooks import Hooks
from plughub.services.routes.router import Router
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.polling")
NO_ADDRESS: Final = "it has no address at present"
ENDED: Final = "it has ended"
NO_TLS: Final = "it listens at {url} without TLS, which JupyterHub.internal_ssl requires"
WRONG_PROCESS: Final = "another process listens at its address {url}, or none does"


@dataclass(frozen=True, slots=True)
class Reachability:
    """Polls a running server and keeps its address up to date.

    Attributes:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        router: removes routes; the route reconciler adds those that this class allows.
    """

    store: Store
    hooks: Hooks
    settings: HubSettings
    router: Router

    async def poll(self, plugin: str, server: ServerRecord, view: Server) -> int | Watched | None:
        """Poll a server, store its address, and remove a route that leads elsewhere.

        Args:
            plugin: its spawner.
            server: the server, as it was just read.
            view: the server as the plugin sees it.

        Returns:
            None or `Watched` while it runs, else the exit code.

        Raises:
            PluginError: its state is unknown; nothing was changed.
        """
        answer = await self.hooks.poll_watched(plugin, view)
        if isinstance(answer, int):
            await self._unroute_ended(server)
            return answer
        if isinstance(answer, Moved):
            await self._store_move(plugin, server, view, answer)
            return None
        await self._store_reachability(server, await self._why_unreachable(plugin, view))
        return answer

    async def adopt(self, plugin: str, server: ServerRecord, view: Server) -> bool:
        """Poll a server before its route is restored; one that has ended gets no route.

        Args:
            plugin: its spawner.
            server: the server, as it was just read.
            view: the server as the plugin sees it.

        Returns:
            Whether it runs where it was; any other server is polled again soon.

        Raises:
            PluginError: its state is unknown; nothing was changed.
        """
        answer = await self.hooks.poll(plugin, view)
        if isinstance(answer, int):
            await self._unroute_ended(server)
            await self._store_reachability(server, ENDED)
        elif answer is None:
            why = await self._why_unreachable(plugin, view)
            await self._store_reachability(server, why)
            return not why
        else:
            await self._store_move(plugin, server, view, answer)
        return False

    async def _unroute_ended(self, server: ServerRecord) -> None:
        """Remove the route of a server that has ended, unless it was started again."""
        if await self._is_current(server):
            await self._unroute(server)

    async def _store_move(self, plugin: str, server: ServerRecord, view: Server, moved: Moved) -> None:
        """Store a new address; its route is removed unless the address was verified."""
        state = _checked(plugin, moved)
        view = replace(view, url=moved.url, state=view.state if state is None else state)
        try:
            why = await self._why_unreachable(plugin, view)
        except PluginError as error:
            why = with_details(
                f"it has moved to {moved.url}, but the hub cannot verify what listens there", error.reason
            )

        def move(tx: Transaction) -> bool:
            return tx.servers.record_move(server, url=moved.url, state=state, unreachable=why)

        if not await self.store.write(move):
            return
        if moved.url != server.url:
            log.warning("%s moved from %s to %s", server.full_name, server.url or "-", moved.url or "-")
        if moved.url != server.url or why:
            await self._unroute(server)

    async def _store_reachability(self, server: ServerRecord, why: str) -> None:
        """Store whether a server that has not moved may have a route."""
        if why == server.unreachable:
            return
        if not await self.store.write(lambda tx: tx.servers.set_unreachable(server, why)):
            return
        if why:
            log.warning("removing the route of %s: %s", server.full_name, explained(why, details=True))
            await self._unroute(server)
        else:
            log.info("%s is reachable again at %s", server.full_name, server.url)

    async def _why_unreachable(self, plugin: str, view: Server) -> str:
        """Return why no route may lead to a server's address; empty when one may."""
        if not view.url:
            return NO_ADDRESS
        if self.settings.tls is not None and not view.url.startswith("https:"):
            return NO_TLS.format(url=view.url)
        verified = await self.hooks.verify_address(plugin, view)
        return "" if verified else WRONG_PROCESS.format(url=view.url)

    async def _is_current(self, server: ServerRecord) -> bool:
        current = await self.store.read(lambda tx: tx.servers.by_id(server.id))
        return current is not None and current.running and current.launch == server.launch

    async def _unroute(self, server: ServerRecord) -> None:
        # Only faster: the route reconciler of each proxy compares the whole table every second.
        with contextlib.suppress(HubError):
            await self.router.delete(server)


def as_endpoint(moved: Moved, server: ServerRecord) -> Endpoint:
    """Convert a moved server to what a start would have returned.

    Args:
        moved: answer of the plugin; it has an address.
        server: the stored server; its state is kept where the answer has none.
    """
    return Endpoint(url=moved.url, state=server.state if moved.state is None else moved.state)


def _checked(plugin: str, moved: Moved) -> Mapping[str, Any] | None:
    """Return the state as it is stored; an answer that is not valid is an error of the plugin."""
    try:
        if moved.url:
            address_of(moved.url)
        return None if moved.state is None else json.loads(json.dumps(dict(moved.state)))
    except (InvalidError, AttributeError, TypeError, ValueError) as error:
        raise PluginError(plugin, "hub_poll", f"its answer is not valid: {error}") from error
