"""Guard of many servers: which sockets listen at their addresses, and how long their logs are."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plughub.processes import ProcessIdentity, all_listeners, listeners_at
from plughub_localprocess.logfile import LogFile


@dataclass(frozen=True, slots=True)
class GuardedServer:
    """Server whose processes alone were found to listen at its address.

    Attributes:
        operation: operation id of its start.
        url: its address.
        inodes: the sockets that listen there.
        log: its log, which is kept short; None if there is none.
    """

    operation: str
    url: str
    inodes: frozenset[int]
    log: LogFile | None


class AddressGuard:
    """Servers whose addresses are checked together, by one list of all listening sockets. Thread-safe.

    Each server is verified alone before it is added. While the same sockets listen at its address, no other
    process has taken it: a socket keeps its inode as long as it is open, and only its holders can share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[ProcessIdentity, GuardedServer] = {}

    def __contains__(self, process: ProcessIdentity) -> bool:
        return process in self._servers

    def add(self, process: ProcessIdentity, server: GuardedServer) -> None:
        """Guard a server that was verified after its sockets were listed."""
        with self._lock:
            self._servers[process] = server

    def remove(self, process: ProcessIdentity) -> None:
        """Guard a server no longer."""
        with self._lock:
            self._servers.pop(process, None)

    def clear(self) -> None:
        """Guard no server."""
        with self._lock:
            self._servers.clear()

    def check(self) -> list[str]:
        """Shorten the logs, and return the operations of servers whose addresses have other sockets. Blocks.

        These are no longer guarded.
        """
        with self._lock:
            servers = dict(self._servers)
        if not servers:
            return []
        try:
            listening: Mapping[int, Sequence[Any]] | None = all_listeners()
        except OSError:
            listening = None
        changed = []
        for process, server in servers.items():
            if server.log is not None:
                server.log.shrink()
            if listening is None or sockets_at(server.url, listening) != server.inodes:
                self.remove(process)
                changed.append(server.operation)
        return changed


def sockets_at(url: str, among: Mapping[int, Sequence[Any]] | None = None) -> frozenset[int]:
    """Return the inodes of the sockets that accept connections to an address; none if unknown. Blocks."""
    try:
        return frozenset(one.inode for one in listeners_at(url, among))
    except OSError:
        return frozenset()
