"""configurable-http-proxy as a proxy class."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import traitlets

from plughub.errors import RETRY, StartError
from plughub.processes import (
    check_free,
    end,
    last_lines,
    owns_address,
    process_family,
    trim,
    wait_until_free,
)
from plughub.proxy import Proxy
from plughub.traitlets import Command
from plughub_chp.api import ProxyAPI, ProxyAPIError
from plughub_chp.launcher import (
    TOKEN_VARIABLE,
    Launcher,
    RunningProxy,
    check_command,
    fingerprint_of,
)
from plughub_chp.node_scripts import check_loaded
from plughub_chp.paths import path_of, routespec_of
from plughub_chp.tls_options import tls_options

MARK: Final = "jupyterhub"
"""Key that marks a route of a hub; other routes are left alone."""

ROUTESPEC: Final = "plughub_routespec"
"""Key of the routespec, as it was added."""

PROBE: Final = "/_plughub"
"""A path without a route."""

START_SECONDS: Final = 10.0
_PAUSE: Final = 0.05


class ConfigurableHTTPProxy(Proxy):
    """configurable-http-proxy 5, launched by the hub and running on without it, or managed externally."""

    internal_tls: ClassVar[bool] = True
    can_route_hosts: ClassVar[bool] = True
    can_reach_sockets: ClassVar[bool] = True

    api_url = traitlets.Unicode(
        "http://127.0.0.1:8001",
        help="URL of the proxy's REST API, on which the launched proxy listens; https with "
        "``JupyterHub.internal_ssl``.",
    ).tag(config=True)

    auth_token = traitlets.Unicode(
        help=f"Token of hub and proxy. Default: the value of the environment variable {TOKEN_VARIABLE}, "
        "otherwise a generated token that is stored in the hub's runtime folder."
    ).tag(config=True)

    command = Command(["configurable-http-proxy"], help="Command that starts the proxy.").tag(config=True)

    command_umask = traitlets.Integer(
        0, help="No effect; accepted for compatibility with JupyterHub. The proxy has the hub's umask."
    ).tag(config=True)

    concurrency = traitlets.Integer(
        10, min=1, help="Maximum number of concurrent requests to the proxy's API."
    ).tag(config=True)

    check_running_interval = traitlets.Integer(
        5, min=1, help="Seconds between two checks of the proxy's API. The process is checked every second."
    ).tag(config=True)

    debug = traitlets.Bool(False, help="Let the proxy log at level debug.").tag(config=True)

    log_level = traitlets.CaselessStrEnum(
        ["debug", "info", "warn", "error"], "info", help="Log level of the proxy."
    ).tag(config=True)

    pid_file = traitlets.Unicode(
        "jupyterhub-proxy.pid",
        help="File for the proxy's pid; a relative path is relative to the plugin's runtime folder.",
    ).tag(config=True)

    _saved: Mapping[str, Any] = MappingProxyType({})
    _running: RunningProxy | None = None
    _launched: RunningProxy | None = None
    _api: ProxyAPI | None = None
    _known_path: str | None = None
    _next_check: float = 0.0

    @traitlets.default("auth_token")
    def _default_auth_token(self) -> str:
        return os.environ.get(TOKEN_VARIABLE, "")

    @property
    def drops_worker_scope(self) -> bool:
        """Return whether the proxy confines service workers to their routes: only if the hub launches it."""
        return self.should_start

    def check_config(self) -> None:
        """Check the command of a proxy that the hub launches, and the token of an external one.

        Raises:
            StartError: one of them is missing, or the URL of the API is invalid.
        """
        self._check_token()
        if self.should_start:
            check_command(self.command)
            if not self.api_url.startswith("https:"):  # whether TLS is used is known later
                _ = self._api_address

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load the launched process."""
        self._saved = dict(state)

    def get_state(self) -> dict[str, Any]:
        """Return the running process."""
        return self._running.as_state() if self._running else {}

    async def start(self) -> None:
        """Find the running proxy if its settings are unchanged; otherwise launch one.

        Raises:
            StartError: the proxy cannot be started.
        """
        launcher = self._launcher
        await asyncio.to_thread(launcher.make_folder)
        token = await asyncio.to_thread(launcher.token, self.auth_token)
        api = await self._connect()
        found = await asyncio.to_thread(launcher.find, self._saved)
        self._launched = found
        if found is not None:
            if found.fingerprint == self._fingerprint(token) and await _answers(api):
                self._running = found
                return
            why = "its settings have changed" if found.fingerprint else "its launch was interrupted"
            self.log.warning("Terminating the proxy (process %d): %s", found.process.pid, why)
            await asyncio.to_thread(end, found.process)
        await asyncio.to_thread(self._check_ports, wait=bool(self._saved) or launcher.has_state)
        await self._launch(launcher, api, token)

    async def stop(self) -> None:
        """Stop the proxy."""
        launcher = self._launcher
        found = self._running or await asyncio.to_thread(launcher.find, self._saved)
        if found is not None:
            await asyncio.to_thread(end, found.process)
        await asyncio.to_thread(launcher.remove_state)
        self._running, self._known_path, self._saved = None, None, {}
        if self._api is not None:
            self._api.close()
            self._api = None

    async def check_running(self) -> int | None:
        """Check whether the proxy runs and, at intervals, whether it still has a known route.

        Raises:
            ProxyAPIError: the API does not answer, so the state is unknown.
        """
        if self.should_start and not await self._is_alive():
            return 0
        now = time.monotonic()
        if now < self._next_check:
            return None
        self._next_check = now + self.check_running_interval
        try:
            has_table = await self._has_table()
        except ProxyAPIError:
            if self.should_start and not await self._is_alive():
                return 0
            raise
        return None if has_table else 0

    async def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> None:
        """Add a route, or change its target."""
        api = await self._connect()
        path = path_of(routespec)
        await api.put(path, {**data, MARK: True, ROUTESPEC: routespec, "target": target})
        self._known_path = self._known_path or path or None

    async def delete_route(self, routespec: str) -> None:
        """Delete a route if it exists."""
        api = await self._connect()
        path = path_of(routespec)
        if path == self._known_path:
            self._known_path = None
        await api.delete(path)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """Return the hub's routes, without those added by others."""
        api = await self._connect()
        table = await api.routes()
        routes = [
            _described(path, entry, self.host_routing) for path, entry in table.items() if entry.get(MARK)
        ]
        return {route["routespec"]: route for route in routes}

    # ---- parts

    @property
    def _launcher(self) -> Launcher:
        if self.runtime_dir is None:
            raise StartError("no folder is configured for the files of the proxy")
        return Launcher(Path(self.runtime_dir).absolute(), self.pid_file)

    async def _connect(self) -> ProxyAPI:
        if self._api is None:
            token = await asyncio.to_thread(self._token)
            context = await asyncio.to_thread(self.hub_tls.client_context) if self.hub_tls else None
            if self._api is None:
                # TLS authenticates the proxy by itself; an external proxy may be on another machine.
                is_proxy = self._is_listening if self.should_start and context is None else None
                self._api = ProxyAPI(self._api_base, token, self.concurrency, context, is_proxy)
        return self._api

    async def _is_listening(self) -> bool:
        """Return whether the launched proxy, and no other process, listens on the API's port."""
        return await asyncio.to_thread(self._check_listener)

    def _check_listener(self) -> bool:
        running = self._launched
        if running is not None and _has_port(running, self.api_url):
            return True
        # Another hub process may have relaunched the proxy.
        self._launched = self._launcher.find({})
        return self._launched is not None and _has_port(self._launched, self.api_url)

    async def _has_table(self) -> bool:
        api = await self._connect()
        path = self._known_path
        if await api.has_route(path or PROBE) or path is None:
            return True
        self.log.warning("The proxy at %s has lost its routes", self.api_url)
        return False

    def _check_token(self) -> None:
        if not self.auth_token and not self.should_start:
            raise StartError(
                "the token of an external proxy must be set: ConfigurableHTTPProxy.auth_token, or "
                f"{TOKEN_VARIABLE} in the environment"
            )

    def _token(self) -> str:
        launcher = self._launcher
        self._check_token()
        launcher.make_folder()
        return launcher.token(self.auth_token)

    async def _is_alive(self) -> bool:
        running = self._running
        if running is None:
            return False

        def check() -> bool:
            trim(self._launcher.log)
            return running.process.is_running()

        return await asyncio.to_thread(check)

    @property
    def _api_base(self) -> str:
        """URL of the API; https for a launched proxy with TLS."""
        secure = self.should_start and self.api_tls is not None
        return self.api_url.replace("http://", "https://", 1) if secure else self.api_url

    @property
    def _api_address(self) -> tuple[str, int]:
        parts = urlsplit(self.api_url)
        schemes = {"http", "https"} if self.api_tls else {"http"}
        if parts.scheme not in schemes or not parts.hostname:
            raise StartError(f"ConfigurableHTTPProxy.api_url is not http://address:port: {self.api_url!r}")
        return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)

    def _check_ports(self, *, wait: bool) -> None:
        api_ip, api_port = self._api_address
        if wait:
            wait_until_free(self.ip, self.port)
            wait_until_free(api_ip, api_port)
        check_free(self.ip, self.port, "JupyterHub.bind_url")
        check_free(api_ip, api_port, "ConfigurableHTTPProxy.api_url")

    def _arguments(self) -> list[str]:
        api_ip, api_port = self._api_address
        listen = ["--ip", self.ip, "--port", str(self.port), "--api-ip", api_ip, "--api-port", str(api_port)]
        level = ["--log-level", "debug" if self.debug else self.log_level]
        tls = ["--ssl-key", self.ssl_key, "--ssl-cert", self.ssl_cert] if self.ssl_cert else []
        tls += [*tls_options("api", self.api_tls), *tls_options("client", self.client_tls)]
        return [*listen, *level, *tls, *(["--host-routing"] if self.host_routing else [])]

    def _fingerprint(self, token: str) -> str:
        return fingerprint_of(self.command, self._arguments(), token, self.base_url)

    async def _launch(self, launcher: Launcher, api: ProxyAPI, token: str) -> None:
        arguments = self._arguments()
        errors = ["--error-target", self.error_url] if self.error_url else []
        process = await asyncio.to_thread(
            launcher.launch, self.command, [*arguments, *errors], token, self.base_url
        )
        running = RunningProxy(process, self._fingerprint(token))
        await asyncio.to_thread(launcher.record, running)
        self._launched = running
        try:
            await self._wait_until_ready(launcher, api, running)
        except BaseException:
            await asyncio.to_thread(end, running.process)
            await asyncio.to_thread(launcher.remove_state)
            raise
        self._running, self._known_path = running, None
        self.log.info("The proxy listens on port %d (process %d)", self.port, running.process.pid)

    async def _wait_until_ready(self, launcher: Launcher, api: ProxyAPI, running: RunningProxy) -> None:
        deadline = time.monotonic() + START_SECONDS
        reason = ""
        while time.monotonic() < deadline:
            if not await asyncio.to_thread(running.process.is_running):
                raise StartError(f"the proxy exited at once: {_log_tail(launcher)}", exit_code=RETRY)
            try:
                await api.has_route(PROBE)
            except ProxyAPIError as error:
                reason = str(error)
                if error.status:
                    break
                await asyncio.sleep(_PAUSE)
            else:
                await asyncio.to_thread(_check_log, launcher)
                await asyncio.to_thread(check_loaded, launcher.log)
                return
        raise StartError(
            f"the proxy did not start: {reason}; its log ends with: {_log_tail(launcher)}", exit_code=RETRY
        )


def _has_port(running: RunningProxy, url: str) -> bool:
    process = running.process
    if not process.is_running():
        return False
    # The descriptors of a Node with the capability for low ports are unreadable: its user id must suffice.
    with contextlib.suppress(OSError):
        return owns_address(url, process_family(process.pid), uid=os.geteuid())
    return False


async def _answers(api: ProxyAPI) -> bool:
    try:
        await api.has_route(PROBE)
    except ProxyAPIError:
        return False
    return True


def _check_log(launcher: Launcher) -> None:
    taken = [line for line in last_lines(launcher.log, 50) if "EADDRINUSE" in line]
    if taken:
        raise StartError(f"a port of the proxy is in use: {taken[0]}", exit_code=RETRY)


def _log_tail(launcher: Launcher) -> str:
    return " ".join(last_lines(launcher.log, 5)) or "nothing"


def _described(path: str, entry: Mapping[str, Any], host_routing: bool) -> dict[str, Any]:
    own = {MARK, ROUTESPEC, "target", "last_activity"}
    activity = entry.get("last_activity")
    return {
        "routespec": entry.get(ROUTESPEC) or routespec_of(path, host_routing=host_routing),
        "target": entry["target"],
        "data": {key: value for key, value in entry.items() if key not in own},
        "last_activity": datetime.fromisoformat(activity) if isinstance(activity, str) else None,
    }
