"""Plugins for tests that work without processes, accounts or a proxy.

They follow the contract like any other plugin: pass them to `ActivePlugins.add`, or name them in a
configuration.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from plughub import hookimpl
from plughub.domain.routes import Route
from plughub.kinds import (
    Endpoint,
    Identity,
    Login,
    LoginMethod,
    Profile,
    Progress,
    ProxySettings,
    Rejected,
    Server,
    SpawnerInfo,
    SpawnFailed,
    Usage,
)


class KnownUsers:
    """An authenticator with a fixed set of users.

    Args:
        passwords: by name.
        admins: names of administrators.
        locked: names that are refused although the password is right.
        method: the login method that it offers.
    """

    def __init__(
        self,
        passwords: Mapping[str, str],
        *,
        admins: Sequence[str] = (),
        locked: Sequence[str] = (),
        method: LoginMethod | None = None,
    ) -> None:
        self.passwords = dict(passwords)
        self.admins = frozenset(admins)
        self.locked = frozenset(locked)
        self.method = method or LoginMethod()
        self.asked: list[Login] = []

    @hookimpl
    def hub_login_method(self) -> LoginMethod:
        """Return the login method."""
        return self.method

    @hookimpl
    async def hub_authenticate(self, login: Login) -> Identity | Rejected | None:
        """Compare the password; record the call in ``asked``."""
        self.asked.append(login)
        if not login.username or self.passwords.get(login.username) != login.password:
            return None
        if login.username in self.locked:
            return Rejected("This account is locked.")
        return Identity(name=login.username, admin=True if login.username in self.admins else None)


class TinyServers:
    """A spawner whose servers are tiny web servers in this process.

    Each answers every request with 200 and the path. Attributes control what the spawner does next.

    Attributes:
        description: what it is meant for.
        problem: why no server can start, or an exception for the check; empty if they can.
        form: HTML of the options form; empty for none.
        profiles: profiles among which users choose.
        failure: a start fails with this message, or raises this; empty to succeed.
        stuck: a stop fails with this message and the server keeps running; empty to succeed.
        logs: what the servers wrote.
        usage: what each server uses; an exception is raised.
        measured: how often a usage was measured.
        hold: a start waits until this event is set; None to continue at once.
        steps: progress reports of a start.
        running: state of each running server, by operation.
    """

    def __init__(self, *, label: str = "", form: str = "") -> None:
        self.label = label
        self.form = form
        self.description = ""
        self.problem: str | Exception = ""
        self.profiles: tuple[Profile, ...] = ()
        self.failure: str | Exception = ""
        self.stuck = ""
        self.logs: tuple[str, ...] = ()
        self.usage: Usage | Exception | None = None
        self.measured = 0
        self.hold: asyncio.Event | None = None
        self.steps: tuple[Progress, ...] = ()
        self.running: dict[str, asyncio.Server] = {}
        self.started: list[Server] = []

    @hookimpl
    def hub_spawner_info(self) -> SpawnerInfo:
        """Describe the spawner."""
        return SpawnerInfo(label=self.label, description=self.description, start_timeout=10, http_timeout=5)

    @hookimpl
    async def hub_check_spawner(self) -> str | None:
        """Return or raise the problem."""
        if isinstance(self.problem, Exception):
            raise self.problem
        return self.problem or None

    @hookimpl
    async def hub_profiles(self) -> Sequence[Profile]:
        """Return the profiles."""
        return self.profiles

    @hookimpl
    async def hub_options_form(self, server: Server) -> str | None:  # noqa: ARG002 - the same for all
        """Return the form."""
        return self.form or None

    @hookimpl
    async def hub_options_from_form(
        self,
        server: Server,  # noqa: ARG002 - the same for all
        form: Mapping[str, Sequence[Any]],
    ) -> Mapping[str, Any]:
        """Take every field as an option; a field ``size`` must be a number."""
        size = form.get("size", ["1"])[0]
        if not str(size).isdigit():
            raise ValueError(f"size must be a number, not {size}")
        return {name: list(values) for name, values in form.items()}

    @hookimpl
    async def hub_spawn(self, server: Server) -> Endpoint:
        """Start a tiny web server."""
        self.started.append(server)
        if self.hold is not None:
            await self.hold.wait()
        if self.failure:
            raise SpawnFailed(self.failure) if isinstance(self.failure, str) else self.failure
        listener = await asyncio.start_server(_answer, "127.0.0.1", 0)
        self.running[server.operation] = listener
        port = listener.sockets[0].getsockname()[1]
        return Endpoint(url=f"http://127.0.0.1:{port}", state={"operation": server.operation})

    @hookimpl
    async def hub_poll(self, server: Server) -> int | None:
        """Return None while the server runs, else its exit code."""
        if self.stuck:
            return None
        return None if server.state.get("operation", server.operation) in self.running else 1

    @hookimpl
    async def hub_stop(self, server: Server) -> None:
        """Stop the server."""
        if self.stuck:
            raise RuntimeError(self.stuck)
        self.end(server.state.get("operation", server.operation))

    @hookimpl
    async def hub_progress(self, server: Server) -> AsyncIterator[Progress]:  # noqa: ARG002 - the same for all
        """Report the steps."""
        for step in self.steps:
            yield step

    @hookimpl
    async def hub_logs(self, server: Server, lines: int) -> Sequence[str]:  # noqa: ARG002 - the same for all
        """Return the log lines."""
        return self.logs[-lines:]

    @hookimpl
    async def hub_usage(self, server: Server) -> Usage | None:
        """Return the usage of a running server."""
        self.measured += 1
        if isinstance(self.usage, Exception):
            raise self.usage
        return self.usage if server.state.get("operation") in self.running else None

    def end(self, operation: str) -> None:
        """Let a server end by itself.

        Args:
            operation: the start that launched it.
        """
        listener = self.running.pop(operation, None)
        if listener is not None:
            listener.close()

    def end_all(self) -> None:
        """Let all servers end."""
        for operation in list(self.running):
            self.end(operation)


class RecordedRoutes:
    """A proxy that forwards nothing and records its routes.

    Attributes:
        routes: by routespec.
    """

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}

    @hookimpl
    async def hub_proxy_start(self, proxy: ProxySettings) -> Mapping[str, Any]:  # noqa: ARG002 - it listens nowhere
        """Do nothing: there is no process."""
        return {}

    @hookimpl
    async def hub_proxy_stop(self) -> None:
        """Do nothing: there is no process."""

    @hookimpl
    async def hub_route_add(self, route: Route) -> None:
        """Record a route."""
        self.routes[route.routespec] = route

    @hookimpl
    async def hub_route_delete(self, routespec: str) -> None:
        """Forget a route."""
        self.routes.pop(routespec, None)

    @hookimpl
    async def hub_routes(self) -> Sequence[Route]:
        """List the routes."""
        return tuple(self.routes.values())


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1]
        size = str(len(path)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + size + b"\r\n\r\n" + path)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
