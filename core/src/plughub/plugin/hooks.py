"""A typed method for each hook that the running hub awaits, so that a checker sees every call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, cast

from plughub.domain.events import Event
from plughub.domain.routes import Route
from plughub.kinds import (
    Diagnosis,
    Endpoint,
    Found,
    Identity,
    Login,
    ManagedRole,
    Moved,
    Progress,
    ProxySettings,
    Refusal,
    Rejected,
    Resumable,
    Server,
    TokenIdentity,
    UserInfo,
)
from plughub.plugin.hook_calls import Answer, HookCaller


class Hooks:
    """The hooks of the running hub.

    Args:
        caller: calls them.
    """

    def __init__(self, caller: HookCaller) -> None:
        self.caller = caller

    # ---- log in

    async def authenticate(self, login: Login) -> Answer[Identity | Rejected] | None:
        """Ask who is logging in."""
        return await self.caller.decide("hub_authenticate", login=login)

    async def authorize_login(self, identity: Identity) -> Answer[Refusal] | None:
        """Ask whether anybody refuses this login."""
        return await self.caller.veto("hub_authorize_login", identity=identity)

    async def complete_login(
        self, identity: Identity, saved: Mapping[str, Any] | None = None
    ) -> Identity | Rejected:
        """Have the plugin that authenticated finish the identity."""
        done: Identity | Rejected | None = await self.caller.own(
            identity.plugin, "hub_complete_login", default=None, identity=identity, saved=saved
        )
        return done or identity

    async def refresh_user(self, identity: Identity) -> Identity | Rejected | None:
        """Ask the plugin that authenticated whether the person may still come in."""
        answer: Identity | Rejected | None = await self.caller.own(
            identity.plugin, "hub_refresh_user", default=None, identity=identity
        )
        return answer

    async def managed_roles(self, plugin: str) -> tuple[ManagedRole, ...]:
        """Ask an authenticator for the roles that it manages."""
        roles: Sequence[ManagedRole] | None = await self.caller.own(plugin, "hub_managed_roles", default=None)
        return tuple(roles or ())

    async def add_user(self, plugin: str, user: UserInfo) -> Refusal | None:
        """Have an authenticator prepare for a user."""
        refusal: Refusal | None = await self.caller.own(plugin, "hub_add_user", default=None, user=user)
        return refusal

    def prepares_users(self, plugin: str) -> bool:
        """Tell whether an authenticator has anything to say about who can be a user."""
        return self.caller.owner(plugin, "hub_add_user") is not None

    async def rename_user(self, plugin: str, user: UserInfo, name: str) -> None:
        """Tell an authenticator that a user gets another name."""
        await self.caller.own(plugin, "hub_rename_user", default=None, user=user, name=name)

    async def delete_user(self, plugin: str, user: UserInfo) -> None:
        """Have an authenticator clean up after a user."""
        await self.caller.own(plugin, "hub_delete_user", default=None, user=user)

    async def check_token(self, token: str) -> Answer[TokenIdentity] | None:
        """Ask whose token this is."""
        return await self.caller.decide("hub_check_token", token=token)

    # ---- servers; `plugin` is the owner

    async def options_form(self, plugin: str, server: Server) -> str:
        """Get the form in which the user chooses how to start."""
        form: str | None = await self.caller.own(plugin, "hub_options_form", default=None, server=server)
        return form or ""

    async def options_from_form(
        self, plugin: str, server: Server, form: Mapping[str, Sequence[Any]], *, linked: bool = False
    ) -> Mapping[str, Any]:
        """Turn what the start page sent into options; a plugin without a form takes none."""
        options: Mapping[str, Any] | None = await self.caller.own(
            plugin, "hub_options_from_form", default=None, server=server, form=form, linked=linked
        )
        return options or {}

    def authorizes_spawns(self) -> bool:
        """Tell whether any plugin wants to be asked before a start."""
        return bool(self.caller.listeners("hub_authorize_spawn"))

    async def authorize_spawn(self, server: Server) -> Answer[Refusal] | None:
        """Ask whether anybody refuses this start."""
        return await self.caller.veto("hub_authorize_spawn", server=server)

    async def spawn(self, plugin: str, server: Server, timeout: float) -> Endpoint:
        """Start the server."""
        endpoint: Endpoint = await self.caller.own(plugin, "hub_spawn", timeout=timeout, server=server)
        return endpoint

    async def poll(self, plugin: str, server: Server) -> int | Moved | None:
        """Look whether the server runs, and whether it has moved."""
        answer: int | Moved | None = await self.caller.own(plugin, "hub_poll", server=server)
        return answer

    async def verify_address(self, plugin: str, server: Server) -> bool:
        """Ask whether the server itself listens at its address; a plugin without the hook is trusted."""
        return bool(await self.caller.own(plugin, "hub_verify_address", default=True, server=server))

    def watch(self, plugin: str, mark: str) -> AsyncIterator[str] | None:
        """Get the report of servers that have ended or moved, None when the plugin has none."""
        impl = self.caller.owner(plugin, "hub_watch")
        if impl is None:
            return None
        return cast("AsyncIterator[str]", impl.function(*([mark] if impl.argnames else [])))

    def verifies_addresses(self, plugin: str) -> bool:
        """Tell whether a spawner can say that its servers listen at their addresses."""
        return self.caller.owner(plugin, "hub_verify_address") is not None

    async def stop(self, plugin: str, server: Server, *, now: bool = False) -> Resumable | None:
        """Stop the server."""
        left: Resumable | None = await self.caller.own(plugin, "hub_stop", server=server, now=now)
        return left

    async def rename_server(self, plugin: str, server: Server, name: str) -> None:
        """Tell the spawner that a server gets another name."""
        await self.caller.own(plugin, "hub_rename_server", default=None, server=server, name=name)

    async def delete_server(self, plugin: str, server: Server) -> None:
        """Have the spawner clean up after a server that is deleted for ever."""
        await self.caller.own(plugin, "hub_delete_server", default=None, server=server)

    def cleans_up(self, plugin: str) -> bool:
        """Tell whether a spawner has anything to do when a server is deleted for ever."""
        return self.caller.owner(plugin, "hub_delete_server") is not None

    def progress(self, plugin: str, server: Server) -> AsyncIterator[Progress] | None:
        """Get the report of a start, None when the plugin has none."""
        impl = self.caller.owner(plugin, "hub_progress")
        if impl is None:
            return None
        report = impl.function(*([server] if impl.argnames else []))
        return cast("AsyncIterator[Progress]", report)

    async def logs(self, plugin: str, server: Server, lines: int) -> tuple[str, ...]:
        """Get the last lines that the server wrote."""
        return tuple(await self.caller.own(plugin, "hub_logs", default=(), server=server, lines=lines))

    async def diagnose(self, plugin: str, server: Server) -> Diagnosis:
        """Ask why the server does not answer, or why it ended."""
        why = await self.caller.own(plugin, "hub_diagnose", default=None, server=server)
        return why if isinstance(why, Diagnosis) else Diagnosis(str(why or ""))

    async def inventory(self, plugin: str, mark: str) -> tuple[Found, ...] | None:
        """List what runs under the hub's mark; None when the plugin cannot tell."""
        found: Iterable[Found] | None = await self.caller.own(
            plugin, "hub_inventory", default=None, mark=mark
        )
        return None if found is None else tuple(found)

    # ---- the proxy; `plugin` is the owner

    async def proxy_start(self, plugin: str, proxy: ProxySettings) -> Mapping[str, Any]:
        """Have the proxy running."""
        state: Mapping[str, Any] | None = await self.caller.own(plugin, "hub_proxy_start", proxy=proxy)
        return state or {}

    async def proxy_poll(self, plugin: str) -> int | None:
        """Look whether the proxy runs."""
        code: int | None = await self.caller.own(plugin, "hub_proxy_poll", default=None)
        return code

    async def proxy_stop(self, plugin: str) -> None:
        """Stop the proxy."""
        await self.caller.own(plugin, "hub_proxy_stop")

    async def route_add(self, plugin: str, route: Route) -> None:
        """Add a route."""
        await self.caller.own(plugin, "hub_route_add", route=route)

    async def route_delete(self, plugin: str, routespec: str) -> None:
        """Delete a route."""
        await self.caller.own(plugin, "hub_route_delete", routespec=routespec)

    async def routes(self, plugin: str, *, activity: bool = True) -> tuple[Route, ...]:
        """List the routes; without the last activity of each when that is not wanted."""
        return tuple(await self.caller.own(plugin, "hub_routes", activity=activity))

    async def routes_replace(self, plugin: str, routes: Sequence[Route]) -> bool:
        """Make this the whole table; answers False when the plugin has no such step."""
        if self.caller.owner(plugin, "hub_routes_replace") is None:
            return False
        await self.caller.own(plugin, "hub_routes_replace", routes=routes)
        return True

    # ---- news

    @property
    def event_listeners(self) -> tuple[str, ...]:
        """Plugins that want to learn what happens."""
        return self.caller.listeners("hub_event")

    async def event(self, event: Event, plugin: str) -> None:
        """Tell a plugin what happened."""
        await self.caller.tell("hub_event", only=plugin, event=event)
