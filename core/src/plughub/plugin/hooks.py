"""A typed method for each awaited hook, so that type checkers see every call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from plughub.domain.errors import FailedLoginError
from plughub.domain.events import Event
from plughub.domain.routes import Route
from plughub.kinds import (
    ActiveServers,
    Diagnosis,
    Endpoint,
    Found,
    Identity,
    Login,
    ManagedRole,
    Moved,
    Profile,
    Progress,
    ProxySettings,
    Refusal,
    Rejected,
    RequestInfo,
    Resumable,
    Server,
    TokenIdentity,
    Usage,
    UserInfo,
    Watched,
)
from plughub.plugin.hook_calls import Answer, HookCaller, contained


class Hooks:
    """Awaited hooks of the running hub.

    Args:
        caller: caller of the implementations.
    """

    def __init__(self, caller: HookCaller) -> None:
        self.caller = caller

    # ---- log in

    async def authenticate(
        self, login: Login, request: RequestInfo | None = None, *, only: str | None = None
    ) -> Answer[Identity | Rejected] | None:
        """Authenticate a user with any plugin, or only with the named one."""
        return await self.caller.decide(
            "hub_authenticate",
            only=only,
            failure=FailedLoginError(),
            expected=(Identity, Rejected),
            login=login,
            request=request,
        )

    async def authorize_login(self, identity: Identity) -> Answer[Refusal] | None:
        """Return the first refusal of a login, if any."""
        return await self.caller.veto("hub_authorize_login", identity=identity)

    async def complete_login(
        self,
        identity: Identity,
        saved: Mapping[str, Any] | None = None,
        request: RequestInfo | None = None,
    ) -> Identity | Rejected:
        """Return the identity as completed by the plugin that authenticated it."""
        done: Identity | Rejected | None = await self.caller.own(
            identity.plugin,
            "hub_complete_login",
            default=None,
            expected=(Identity, Rejected),
            identity=identity,
            saved=saved,
            request=request,
        )
        return done or identity

    async def refresh_user(
        self, identity: Identity, request: RequestInfo | None = None
    ) -> Identity | Rejected | None:
        """Return the result of a refresh by the plugin that authenticated the user."""
        answer: Identity | Rejected | None = await self.caller.own(
            identity.plugin,
            "hub_refresh_user",
            default=None,
            expected=(Identity, Rejected),
            identity=identity,
            request=request,
        )
        return answer

    async def managed_roles(self, plugin: str) -> tuple[ManagedRole, ...]:
        """Return the roles that an authenticator manages."""
        roles: Sequence[ManagedRole] | None = await self.caller.own(
            plugin, "hub_managed_roles", default=None, expected=(Iterable,)
        )
        return tuple(roles or ())

    async def add_user(self, plugin: str, user: UserInfo) -> Refusal | None:
        """Prepare a user in an authenticator."""
        refusal: Refusal | None = await self.caller.own(plugin, "hub_add_user", default=None, user=user)
        return refusal

    def prepares_users(self, plugin: str) -> bool:
        """Return whether an authenticator implements `hub_add_user`."""
        return self.caller.owner(plugin, "hub_add_user") is not None

    async def rename_user(self, plugin: str, user: UserInfo, name: str) -> None:
        """Apply a new username in an authenticator."""
        await self.caller.own(plugin, "hub_rename_user", default=None, user=user, name=name)

    async def delete_user(self, plugin: str, user: UserInfo) -> None:
        """Clean up after a user in an authenticator."""
        await self.caller.own(plugin, "hub_delete_user", default=None, user=user)

    async def check_token(self, token: str) -> Answer[TokenIdentity] | None:
        """Return the owner of a token."""
        return await self.caller.decide("hub_check_token", expected=(TokenIdentity,), token=token)

    # ---- servers; `plugin` is the owner

    async def options_form(self, plugin: str, server: Server) -> str:
        """Return the options form of a spawner; empty if it has none."""
        form: str | None = await self.caller.own(
            plugin, "hub_options_form", default=None, expected=(str,), server=server
        )
        return form or ""

    async def options_from_form(
        self, plugin: str, server: Server, form: Mapping[str, Sequence[Any]], *, linked: bool = False
    ) -> Mapping[str, Any]:
        """Convert submitted form fields into options; empty for a spawner without a form."""
        options: Mapping[str, Any] | None = await self.caller.own(
            plugin,
            "hub_options_from_form",
            default=None,
            expected=(Mapping,),
            server=server,
            form=form,
            linked=linked,
        )
        return options or {}

    async def profiles(self, plugin: str, server: Server) -> tuple[Profile, ...]:
        """Return the profiles of a spawner; none for a spawner without the hook."""
        found: Sequence[Profile] | None = await self.caller.own(
            plugin, "hub_profiles", default=None, expected=(Iterable,), server=server
        )
        return tuple(found or ())

    def offers_profiles(self, plugin: str) -> bool:
        """Return whether a spawner implements `hub_profiles`."""
        return self.caller.owner(plugin, "hub_profiles") is not None

    async def check_spawner(self, plugin: str) -> Diagnosis | None:
        """Return why no server can start at present; None if they can, or the plugin does not know."""
        why: Diagnosis | str | None = await self.caller.own(plugin, "hub_check_spawner", default=None)
        return why if isinstance(why, Diagnosis) else Diagnosis(str(why)) if why else None

    def authorizes_spawns(self) -> bool:
        """Return whether any plugin implements `hub_authorize_spawn`."""
        return bool(self.caller.listeners("hub_authorize_spawn"))

    def counts_active_servers(self) -> bool:
        """Return whether any plugin uses the numbers of active servers in `hub_authorize_spawn`."""
        return self.caller.takes("hub_authorize_spawn", "active")

    async def authorize_spawn(
        self, server: Server, active: ActiveServers | None = None
    ) -> Answer[Refusal] | None:
        """Return the first refusal of a start, if any."""
        return await self.caller.veto("hub_authorize_spawn", server=server, active=active or ActiveServers())

    async def spawn(self, plugin: str, server: Server, timeout: float) -> Endpoint:
        """Start the server."""
        endpoint: Endpoint = await self.caller.own(plugin, "hub_spawn", timeout=timeout, server=server)
        return endpoint

    async def poll(self, plugin: str, server: Server) -> int | Moved | None:
        """Check whether the server runs and whether it has moved."""
        answer = await self.poll_watched(plugin, server)
        return None if isinstance(answer, Watched) else answer

    async def poll_watched(self, plugin: str, server: Server) -> int | Moved | Watched | None:
        """Check the same, and whether the plugin watches the server."""
        answer: int | Moved | Watched | None = await self.caller.own(
            plugin, "hub_poll", expected=(int, Moved, Watched), server=server
        )
        return answer

    async def verify_address(self, plugin: str, server: Server) -> bool:
        """Check whether the server itself listens at its address; True for a plugin without the hook."""
        return bool(await self.caller.own(plugin, "hub_verify_address", default=True, server=server))

    def watch(self, plugin: str, mark: str) -> AsyncIterator[str] | None:
        """Return the reports of servers that ended or moved; None for a plugin without the hook."""
        impl = self.caller.owner(plugin, "hub_watch")
        if impl is None:
            return None
        report = impl.function(*([mark] if impl.argnames else []))
        return contained(plugin, "hub_watch", report, str, impl.function)

    def verifies_addresses(self, plugin: str) -> bool:
        """Return whether a spawner implements `hub_verify_address`."""
        return self.caller.owner(plugin, "hub_verify_address") is not None

    async def receive(self, plugin: str, server: Server, values: Mapping[str, Any]) -> None:
        """Pass what a starting server has posted to its spawner."""
        await self.caller.own(plugin, "hub_receive", default=None, server=server, values=values)

    def receives_values(self, plugin: str) -> bool:
        """Return whether a spawner implements `hub_receive`."""
        return self.caller.owner(plugin, "hub_receive") is not None

    async def stop(self, plugin: str, server: Server, *, now: bool = False) -> Resumable | None:
        """Stop the server."""
        resumable: Resumable | None = await self.caller.own(
            plugin, "hub_stop", expected=(Resumable,), server=server, now=now
        )
        return resumable

    async def rename_server(self, plugin: str, server: Server, name: str) -> None:
        """Apply the new name of a server in its spawner."""
        await self.caller.own(plugin, "hub_rename_server", default=None, server=server, name=name)

    async def delete_server(self, plugin: str, server: Server) -> None:
        """Clean up after a permanently deleted server in its spawner."""
        await self.caller.own(plugin, "hub_delete_server", default=None, server=server)

    def cleans_up(self, plugin: str) -> bool:
        """Return whether a spawner implements `hub_delete_server`."""
        return self.caller.owner(plugin, "hub_delete_server") is not None

    def progress(self, plugin: str, server: Server) -> AsyncIterator[Progress] | None:
        """Return the progress reports of a start; None for a plugin without the hook."""
        impl = self.caller.owner(plugin, "hub_progress")
        if impl is None:
            return None
        report = impl.function(*([server] if impl.argnames else []))
        return contained(plugin, "hub_progress", report, Progress, impl.function)

    async def logs(self, plugin: str, server: Server, lines: int) -> tuple[str, ...]:
        """Return the last lines of the server's output."""
        found: Iterable[str] | None = await self.caller.own(
            plugin, "hub_logs", default=None, expected=(Iterable,), server=server, lines=lines
        )
        return tuple(found or ())

    async def usage(self, plugin: str, server: Server) -> Usage | None:
        """Measure the resources that a server uses; None if unknown."""
        usage: Usage | None = await self.caller.own(
            plugin, "hub_usage", default=None, expected=(Usage,), server=server
        )
        return usage

    def reports_usage(self, plugin: str) -> bool:
        """Return whether a spawner implements `hub_usage`."""
        return self.caller.owner(plugin, "hub_usage") is not None

    async def diagnose(self, plugin: str, server: Server) -> Diagnosis:
        """Return an explanation why the server does not answer or has ended."""
        why = await self.caller.own(plugin, "hub_diagnose", default=None, server=server)
        return why if isinstance(why, Diagnosis) else Diagnosis(str(why or ""))

    async def inventory(self, plugin: str, mark: str) -> tuple[Found, ...] | None:
        """List everything that runs under the hub's mark; None for a plugin without the hook."""
        found: Iterable[Found] | None = await self.caller.own(
            plugin, "hub_inventory", default=None, expected=(Iterable,), mark=mark
        )
        return None if found is None else tuple(found)

    # ---- the proxy; `plugin` is the owner

    async def proxy_start(self, plugin: str, proxy: ProxySettings) -> Mapping[str, Any]:
        """Start the proxy, or find the running one."""
        state: Mapping[str, Any] | None = await self.caller.own(
            plugin, "hub_proxy_start", expected=(Mapping,), proxy=proxy
        )
        return state or {}

    async def proxy_poll(self, plugin: str) -> int | None:
        """Check whether the proxy runs."""
        code: int | None = await self.caller.own(plugin, "hub_proxy_poll", default=None, expected=(int,))
        return code

    async def proxy_stop(self, plugin: str) -> None:
        """Stop the proxy."""
        await self.caller.own(plugin, "hub_proxy_stop")

    async def route_add(self, plugin: str, route: Route) -> None:
        """Add a route."""
        await self.caller.own(plugin, "hub_route_add", route=route)

    async def route_delete(self, plugin: str, routespec: str, data: Mapping[str, Any] | None = None) -> None:
        """Delete a route; ``data`` describes its server, service or hub."""
        await self.caller.own(plugin, "hub_route_delete", routespec=routespec, data=data or {})

    async def routes(self, plugin: str, *, activity: bool = True) -> tuple[Route, ...]:
        """List the routes, with their last activity if requested."""
        return tuple(await self.caller.own(plugin, "hub_routes", activity=activity))

    async def routes_replace(self, plugin: str, routes: Sequence[Route]) -> bool:
        """Replace the whole route table; False for a plugin without the hook."""
        if self.caller.owner(plugin, "hub_routes_replace") is None:
            return False
        await self.caller.own(plugin, "hub_routes_replace", routes=routes)
        return True

    async def routes_check(self, plugin: str, routes: Sequence[Route], pending: Sequence[Route]) -> None:
        """Let the proxy check its table; nothing for a plugin without the hook."""
        await self.caller.own(plugin, "hub_routes_check", default=None, routes=routes, pending=pending)

    # ---- events

    @property
    def event_listeners(self) -> tuple[str, ...]:
        """Plugins that implement `hub_event`."""
        return self.caller.listeners("hub_event")

    async def event(self, event: Event, plugin: str) -> None:
        """Report an event to a plugin."""
        await self.caller.tell("hub_event", only=plugin, event=event)
