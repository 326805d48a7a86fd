"""A spawner and a server in a test, called as the hub calls them."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

import psutil

from plughub.domain.names import quote_path
from plughub.kinds import Endpoint, Found, Moved, Server, Usage, UserInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.testing.conditions import until

NAME: Final = "tested"

Make = Callable[..., object]

_open = build_opener(ProxyHandler({})).open


def make_server(username: str, name: str = "", **changes: Any) -> Server:
    """Make the record of a server, as a start receives it.

    Args:
        username: its user.
        name: its name.
        changes: other fields.

    Returns:
        The record, with a unique token, mark and operation.
    """
    tail = f"{name}/" if name else ""
    segment = quote_path(username)
    prefix = f"/user/{segment}/{tail}"
    token = secrets.token_hex(16)
    environment = {
        "JUPYTERHUB_API_TOKEN": token,
        "JPY_API_TOKEN": token,
        "JUPYTERHUB_USER": username,
        "JUPYTERHUB_SERVER_NAME": name,
        "JUPYTERHUB_CLIENT_ID": f"jupyterhub-user-{segment}",
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",
        "JUPYTERHUB_ACTIVITY_URL": f"http://127.0.0.1:9/hub/api/users/{segment}/activity",
    }
    record = Server(
        user=UserInfo(name=username),
        name=name,
        mark=f"mark-{secrets.token_hex(4)}",
        operation=f"operation-{secrets.token_hex(8)}",
        environment=environment,
        prefix=prefix,
        hub_api_url="http://127.0.0.1:9/hub/api",
    )
    return replace(record, **changes)


@dataclass
class SpawnerUnderTest:
    """A spawner and one server, called as the hub calls them.

    Attributes:
        make: makes the plugin as a new process of the hub would; its arguments are command-line arguments
            of the server.
        server: the record of the server.
        pools: threads for plain functions.
    """

    make: Make
    server: Server
    pools: ThreadPools
    endpoint: Endpoint | None = None
    hooks: Hooks = field(init=False)

    def __post_init__(self) -> None:
        self.new_hub()

    @property
    def token(self) -> str:
        """The server's token."""
        return self.server.environment["JUPYTERHUB_API_TOKEN"]

    @property
    def started(self) -> Endpoint:
        """The return value of the start."""
        assert self.endpoint is not None, "nothing was started"
        return self.endpoint

    def new_hub(self, *arguments: str) -> None:
        """Continue as another process of the hub, with nothing but the saved state.

        Args:
            arguments: of servers started from now on.
        """
        plugins = ActivePlugins()
        plugins.add(NAME, self.make(*arguments))
        self.hooks = Hooks(HookCaller(plugins, self.pools))

    @property
    def record(self) -> Server:
        """The record as every hook but `hub_spawn` receives it, without the environment."""
        return replace(self.server, environment={})

    async def start(self) -> Endpoint:
        """Start the server; pass its state through JSON, as the database does."""
        endpoint = await self.hooks.spawn(NAME, self.server, 60)
        self.endpoint = endpoint
        self.server = replace(
            self.server, state=json.loads(json.dumps(dict(endpoint.state))), url=endpoint.url
        )
        return endpoint

    async def poll(self) -> int | Moved | None:
        """Poll the server: whether it runs, and whether it has moved."""
        return await self.hooks.poll(NAME, self.record)

    async def verifies(self) -> bool:
        """Return whether the server itself listens at its recorded address."""
        return await self.hooks.verify_address(NAME, self.record)

    async def follow(self) -> None:
        """Poll as the hub does and record new addresses, until the server runs at a known one."""
        await until(self._settled)

    async def _settled(self) -> bool:
        answer = await self.poll()
        if isinstance(answer, Moved):
            state = self.server.state if answer.state is None else json.loads(json.dumps(dict(answer.state)))
            self.server = replace(self.server, url=answer.url, state=state)
            self.endpoint = replace(self.started, url=answer.url, state=state)
        return answer is None and bool(self.server.url)

    async def wait(self) -> int:
        """Wait until the server has ended, and return its exit code."""
        code: int = (await until(self._exited))[0]
        return code

    async def stop(self, *, now: bool = False) -> None:
        """Stop the server."""
        await self.hooks.stop(NAME, self.record, now=now)

    async def delete(self) -> None:
        """Delete the stopped server permanently."""
        await self.hooks.delete_server(NAME, self.record)

    async def logs(self, lines: int = 50) -> tuple[str, ...]:
        """Return the last lines of the server's output."""
        return await self.hooks.logs(NAME, self.record, lines)

    async def usage(self) -> Usage | None:
        """Measure what the server uses."""
        return await self.hooks.usage(NAME, self.record)

    async def diagnose(self) -> str:
        """Return the diagnosis for administrators of a server that does not answer."""
        found = await self.hooks.diagnose(NAME, self.record)
        return ": ".join(filter(None, (found.message, found.detail)))

    async def inventory(self) -> dict[str, Found]:
        """List what was launched, by operation."""
        found = await self.hooks.inventory(NAME, self.server.mark)
        assert found is not None, "hub_inventory answers None: this spawner cannot tell what runs"
        return {one.operation: one for one in found}

    async def facts(self) -> dict[str, Any]:
        """Wait until the server answers, and return what it reports."""
        facts: dict[str, Any] = await until(self._ask)
        return facts

    async def answers(self) -> bool:
        """Return whether the server answers now."""
        return await self._ask() is not None

    async def _exited(self) -> tuple[int, ...]:
        code = await self.poll()
        return (code,) if isinstance(code, int) else ()

    async def _ask(self) -> dict[str, Any] | None:
        try:
            return await asyncio.to_thread(_get, f"{self.started.url}{self.server.prefix}api")
        except OSError:
            return None


def _get(url: str) -> dict[str, Any]:
    with _open(url, timeout=5) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def command_lines() -> list[str]:
    """List the command lines of all processes."""
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return lines
