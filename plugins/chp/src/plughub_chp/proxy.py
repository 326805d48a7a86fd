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
from plughub.processes import end, last_lines, owns_address, process_family, trim, wait_until_free
from plughub.proxy import Proxy
from plughub.traitlets import Command
from plughub_chp.api import ProxyAPI, ProxyAPIError
from plughub_chp.launcher import TOKEN_VARIABLE, Launcher, Running, fingerprint_of
from plughub_chp.node_scripts import check_loaded
from plughub_chp.paths import path_of, routespec_of
from plughub_chp.ports import check_free
from plughub_chp.tls_options import tls_options

MARK: Final = "jupyterhub"
"""Marks a route as one of a hub; others are left alone."""

ROUTESPEC: Final = "plughub_routespec"
"""Keeps the routespec as it was added."""

PROBE: Final = "/_plughub"
"""A path that no route has."""

START_SECONDS: Final = 10.0
_PAUSE: Final = 0.05


class ConfigurableHTTPProxy(Proxy):
    """configurable-http-proxy 5, launched by the hub and living on without it, or run by somebody else."""

    internal_tls: ClassVar[bool] = True
    can_route_hosts: ClassVar[bool] = True

    api_url = traitlets.Unicode(
        "http://127.0.0.1:8001",
        help="""Address of the proxy's REST API; it is launched to listen there, by https with
        ``JupyterHub.internal_ssl``.""",
    ).tag(config=True)

    auth_token = traitlets.Unicode(
        help=f"""The token that hub and proxy share. By default that of the environment variable
        {TOKEN_VARIABLE}; without it one is made and kept in the hub's runtime folder."""
    ).tag(config=True)

    command = Command(["configurable-http-proxy"], help="The command that starts the proxy.").tag(config=True)

    concurrency = traitlets.Integer(
        10, min=1, help="How many requests to the proxy's API may be under way at once."
    ).tag(config=True)

    check_running_interval = traitlets.Integer(
        5, min=1, help="Seconds between two looks at the proxy's API. Its process is looked at every second."
    ).tag(config=True)

    debug = traitlets.Bool(False, help="Have the proxy log every detail.").tag(config=True)

    log_level = traitlets.CaselessStrEnum(
        ["debug", "info", "warn", "error"], "info", help="What the proxy logs."
    ).tag(config=True)

    pid_file = traitlets.Unicode(
        "jupyterhub-proxy.pid",
        help="File for the proxy's pid; a relative path begins in the plugin's runtime folder.",
    ).tag(config=True)

    _saved: Mapping[str, Any] = MappingProxyType({})
    _running: Running | None = None
    _launched: Running | None = None
    _api: ProxyAPI | None = None
    _known_path: str | None = None
    _next_look: float = 0.0

    @traitlets.default("auth_token")
    def _default_auth_token(self) -> str:
        return os.environ.get(TOKEN_VARIABLE, "")

    @property
    def drops_worker_scope(self) -> bool:
        """Whether it keeps service workers below their routes: one that others run does not."""
        return self.should_start

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over which process was launched."""
        self._saved = dict(state)

    def get_state(self) -> dict[str, Any]:
        """Give the process that runs."""
        return self._running.as_state() if self._running else {}

    async def start(self) -> None:
        """Have the proxy running: find the one that was launched with the same settings, or launch one.

        Raises:
            StartError: it cannot be started.
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
            why = "its settings changed" if found.fingerprint else "its launch was not finished"
            self.log.warning("Ending the proxy (process %d): %s", found.process.pid, why)
            await asyncio.to_thread(end, found.process)
        await asyncio.to_thread(self._check_ports, wait=bool(self._saved) or launcher.has_state)
        await self._launch(launcher, api, token)

    async def stop(self) -> None:
        """End the proxy."""
        launcher = self._launcher
        found = self._running or await asyncio.to_thread(launcher.find, self._saved)
        if found is not None:
            await asyncio.to_thread(end, found.process)
        await asyncio.to_thread(launcher.forget)
        self._running, self._known_path, self._saved = None, None, {}
        if self._api is not None:
            self._api.close()
            self._api = None

    async def check_running(self) -> int | None:
        """Look whether the proxy runs and, now and then, whether it still has a route that was added.

        Raises:
            ProxyAPIError: it does not answer, which means unknown.
        """
        if self.should_start and not await self._is_alive():
            return 0
        now = time.monotonic()
        if now < self._next_look:
            return None
        self._next_look = now + self.check_running_interval
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
        """Delete a route if it is there."""
        api = await self._connect()
        path = path_of(routespec)
        if path == self._known_path:
            self._known_path = None
        await api.delete(path)

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        """List the routes of the hub; those that somebody else added are left out."""
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
            raise StartError("there is no folder for the files of the proxy")
        return Launcher(Path(self.runtime_dir).absolute(), self.pid_file)

    async def _connect(self) -> ProxyAPI:
        if self._api is None:
            token = await asyncio.to_thread(self._token)
            context = await asyncio.to_thread(self.hub_tls.client_context) if self.hub_tls else None
            if self._api is None:
                # TLS does the same, and better; a proxy that others run may be on another machine.
                asks = self._listens if self.should_start and context is None else None
                self._api = ProxyAPI(self._api_base, token, self.concurrency, context, asks)
        return self._api

    async def _listens(self) -> bool:
        """Tell whether the proxy that was launched has the port of the API, and no other process."""
        return await asyncio.to_thread(self._look_who_listens)

    def _look_who_listens(self) -> bool:
        running = self._launched
        if running is not None and _has_port(running, self.api_url):
            return True
        # Another process of the hub may have launched it again.
        self._launched = self._launcher.find({})
        return self._launched is not None and _has_port(self._launched, self.api_url)

    async def _has_table(self) -> bool:
        api = await self._connect()
        path = self._known_path
        if await api.has(path or PROBE) or path is None:
            return True
        self.log.warning("The proxy at %s has lost its routes", self.api_url)
        return False

    def _token(self) -> str:
        launcher = self._launcher
        if not self.auth_token and not self.should_start:
            raise StartError(
                "the proxy is run by somebody else, so its token has to be set: "
                f"ConfigurableHTTPProxy.auth_token, or {TOKEN_VARIABLE} in the environment"
            )
        launcher.make_folder()
        return launcher.token(self.auth_token)

    async def _is_alive(self) -> bool:
        running = self._running
        if running is None:
            return False

        def look() -> bool:
            trim(self._launcher.log)
            return running.process.is_running()

        return await asyncio.to_thread(look)

    @property
    def _api_base(self) -> str:
        """The API's address; one that the hub launches speaks TLS where the others do."""
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
        running = Running(process, self._fingerprint(token))
        await asyncio.to_thread(launcher.note, running)
        self._launched = running
        try:
            await self._wait_until_it_answers(launcher, api, running)
        except BaseException:
            await asyncio.to_thread(end, running.process)
            await asyncio.to_thread(launcher.forget)
            raise
        self._running, self._known_path = running, None
        self.log.info("The proxy listens on port %d (process %d)", self.port, running.process.pid)

    async def _wait_until_it_answers(self, launcher: Launcher, api: ProxyAPI, running: Running) -> None:
        deadline = time.monotonic() + START_SECONDS
        reason = ""
        while time.monotonic() < deadline:
            if not await asyncio.to_thread(running.process.is_running):
                raise StartError(f"the proxy ended at once: {_last_words(launcher)}", exit_code=RETRY)
            try:
                await api.has(PROBE)
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
            f"the proxy did not start: {reason}; it says: {_last_words(launcher)}", exit_code=RETRY
        )


def _has_port(running: Running, url: str) -> bool:
    process = running.process
    if not process.is_running():
        return False
    # A Node that may use low ports lets nobody read its descriptors; its user has to do then.
    with contextlib.suppress(OSError):
        return owns_address(url, process_family(process.pid), uid=os.geteuid())
    return False


async def _answers(api: ProxyAPI) -> bool:
    try:
        await api.has(PROBE)
    except ProxyAPIError:
        return False
    return True


def _check_log(launcher: Launcher) -> None:
    taken = [line for line in last_lines(launcher.log, 50) if "EADDRINUSE" in line]
    if taken:
        raise StartError(f"a port of the proxy is in use: {taken[0]}", exit_code=RETRY)


def _last_words(launcher: Launcher) -> str:
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
