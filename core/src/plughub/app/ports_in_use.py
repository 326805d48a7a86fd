"""Ports of hub and proxy, and the hub's Unix socket, on which other programs listen."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Final

from plughub.app.config import JupyterHub
from plughub.app.hub_socket import read_hub_socket
from plughub.app.listen_addresses import addresses_of_proxy, hub_address
from plughub.classes.processes.detached import listening_pids, who_listens
from plughub.classes.processes.identity import ProcessIdentity, process_space
from plughub.classes.processes.listeners import process_family
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.sockets import process_of_peer
from plughub.domain.hub_processes import HubProcess
from plughub.services.routes.router import STATE
from plughub.storage.database import is_in_memory
from plughub.storage.inspection import RecordedProcesses, read_processes
from plughub.storage.schema import sqlite_path

_CONSEQUENCE: Final = "the hub cannot start until that process stops"


def ports_in_use(hub: JupyterHub, proxy: Proxy | None) -> Iterator[str]:
    """Yield a warning for each port or socket on which another program than this hub listens.

    Args:
        hub: the settings of the hub.
        proxy: the proxy; None if it is not written as a class, so that its ports are unknown.
    """
    own = cache(partial(_own_pids, hub))
    if (hub_socket := read_hub_socket(hub)) and (pid := _listener(hub_socket.path)) and pid not in own():
        yield f"process {pid} listens on {hub_socket.path} (c.JupyterHub.hub_bind_url): {_CONSEQUENCE}"
    for place in (hub_address(hub), *addresses_of_proxy(hub, proxy)):
        if place is None or not place.is_in_use():
            continue
        pids = listening_pids(place.port)
        if not pids or not pids <= own():
            taken = f"port {place.port} (c.{place.setting}) is in use{who_listens(place.port)}"
            yield f"{taken}: {_CONSEQUENCE}"


def _listener(path: Path) -> int | None:
    """Return the process that listens on a Unix socket; None if none does."""
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        try:
            client.connect(str(path))
        except OSError:
            return None
        return process_of_peer(client)


def _own_pids(hub: JupyterHub) -> frozenset[int]:
    """Return the processes of this hub that the database records and that still run on this machine."""
    recorded = _recorded(hub)
    pids = [process.pid for process in recorded.hubs if _runs_here(process)]
    states = map(ProcessIdentity.from_state, recorded.proxies)
    pids += [proxy.pid for proxy in states if proxy and proxy.is_running()]
    return frozenset(member for pid in pids for member in process_family(pid))


def _recorded(hub: JupyterHub) -> RecordedProcesses:
    path = sqlite_path(hub.db_url)
    if is_in_memory(hub.db_url) or (path is not None and not path.exists()):
        return RecordedProcesses()
    return read_processes(hub.db_url, hub.db_kwargs, f"{STATE}:")


def _runs_here(process: HubProcess) -> bool:
    if process.space != process_space():
        return False
    found = ProcessIdentity.of(process.pid)
    return found is not None and found.ticks == process.birth
