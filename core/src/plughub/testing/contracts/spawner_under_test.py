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
from plughub.kinds import Endpoint, Found, Moved, Server, UserInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.testing.conditions import until

NAME: Final = "tested"

Make = Callable[..., object]

_open = build_opener(ProxyHandler({})).open


def make_server(username: str, name: str = "", **changes: Any) -> Server:
    """Make the record of a server, as the hub hands it to a start.

    Args:
        username: its user.
        name: its name.
        changes: other fields.

    Returns:
        The record, with a token, a mark and an operation that no other has.
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
        make: makes the plugin as a new process of the hub would; its arguments are those of the server.
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
        """What the start answered."""
        assert self.endpoint is not None, "nothing was started"
        return self.endpoint

    def new_hub(self, *arguments: str) -> None:
        """Go on as another process of the hub: nothing is kept but what was saved.

        Args:
            arguments: for servers that are started from now on.
        """
        plugins = ActivePlugins()
        plugins.add(NAME, self.make(*arguments))
        self.hooks = Hooks(HookCaller(plugins, self.pools))

    @property
    def record(self) -> Server:
        """The record as every hook but `hub_spawn` gets it: without the environment."""
        return replace(self.server, environment={})

    async def start(self) -> Endpoint:
        """Start the server; what has to be saved goes through JSON, as a database does."""
        endpoint = await self.hooks.spawn(NAME, self.server, 60)
        self.endpoint = endpoint
        self.server = replace(
            self.server, state=json.loads(json.dumps(dict(endpoint.state))), url=endpoint.url
        )
        return endpoint

    async def poll(self) -> int | Moved | None:
        """Look whether the server runs, and whether it has moved."""
        return await self.hooks.poll(NAME, self.record)

    async def verifies(self) -> bool:
        """Ask whether the server itself listens at its recorded address."""
        return await self.hooks.verify_address(NAME, self.record)

    async def follow(self) -> None:
        """Poll as the hub does and take over a new address, until the server runs at a known one."""
        await until(self._settled)

    async def _settled(self) -> bool:
        answer = await self.poll()
        if isinstance(answer, Moved):
            state = self.server.state if answer.state is None else json.loads(json.dumps(dict(answer.state)))
            self.server = replace(self.server, url=answer.url, state=state)
            self.endpoint = replace(self.started, url=answer.url, state=state)
        return answer is None and bool(self.server.url)

    async def wait(self) -> int:
        """Wait until the server does not run any more, and get its exit code."""
        code: int = (await until(self._exited))[0]
        return code

    async def stop(self, *, now: bool = False) -> None:
        """Stop the server."""
        await self.hooks.stop(NAME, self.record, now=now)

    async def delete(self) -> None:
        """Delete the server for good; it is stopped."""
        await self.hooks.delete_server(NAME, self.record)

    async def logs(self, lines: int = 50) -> tuple[str, ...]:
        """Get the last lines that the server wrote."""
        return await self.hooks.logs(NAME, self.record, lines)

    async def diagnose(self) -> str:
        """Ask why the server does not answer; answers what administrators read."""
        found = await self.hooks.diagnose(NAME, self.record)
        return ": ".join(filter(None, (found.message, found.detail)))

    async def inventory(self) -> dict[str, Found]:
        """List what runs, by operation."""
        found = await self.hooks.inventory(NAME, self.server.mark)
        assert found is not None, "hub_inventory answers None: this spawner cannot tell what runs"
        return {one.operation: one for one in found}

    async def facts(self) -> dict[str, Any]:
        """Wait until the server answers, and get what it says of itself."""
        facts: dict[str, Any] = await until(self._ask)
        return facts

    async def answers(self) -> bool:
        """Tell whether the server answers now."""
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
