"""Metrics for a statsd server, under the names that JupyterHub sent until version 5."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from plughub.domain.hub_counts import WINDOW, HubCounts
from plughub.domain.timings import STATSD_ADDRESS_SECONDS, STATSD_RETRY_SECONDS

log = logging.getLogger("plughub.metrics")
MAX_UNSENT: Final = 64 * 1024
"""Largest number of bytes that wait for the network; further metrics are dropped."""
START_CAUSES: Final = {"start_timeout": "timeout", "http_timeout": "http_timeout"}
"""JupyterHub's word for the cause of a failed start, by the setting that the failure names."""


class Statsd(asyncio.DatagramProtocol):
    """Client of a statsd server. Sending never waits, and metrics that cannot be sent are dropped.

    Args:
        host: name or address of the server.
        port: its UDP port.
        prefix: first part of all names; empty for none.
    """

    def __init__(self, host: str, port: int, prefix: str) -> None:
        self._address = host, port
        self._prefix = f"{prefix}." if prefix else ""
        self._transport: Any = None  # typeshed lacks `get_write_buffer_size` of asyncio.DatagramTransport

    async def run(self) -> None:
        """Keep a socket to the server until cancelled; follow the server when its address changes."""
        loop = asyncio.get_running_loop()
        failing = False
        while True:
            try:
                await loop.create_datagram_endpoint(lambda: self, remote_addr=self._address)
            except OSError as error:
                if not failing:
                    log.warning("metrics cannot be sent to statsd at %s:%s: %s", *self._address, error)
                failing = True
                await asyncio.sleep(STATSD_RETRY_SECONDS)
                continue
            failing = False
            try:
                await asyncio.sleep(STATSD_ADDRESS_SECONDS)
            finally:
                self.close()

    def close(self) -> None:
        """Close the socket after the last metrics were sent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: Any) -> None:
        """Send metrics through this socket from now on."""
        self._transport = transport

    def error_received(self, exc: Exception) -> None:
        """Ignore that no server listens: it may be restarting."""

    # ---- metrics

    def count(self, name: str) -> None:
        """Add one to a counter."""
        self._send(name, "1|c")

    def time(self, name: str, seconds: float) -> None:
        """Report a duration."""
        self._send(name, f"{seconds * 1000:.6f}|ms")

    def gauge(self, name: str, value: int) -> None:
        """Set a gauge."""
        self._send(name, f"{value}|g")

    def record_login(self, status: str, seconds: float) -> None:
        """Report a login.

        Args:
            status: ``success`` or ``failure``.
            seconds: duration.
        """
        self.count(f"login.{status}")
        self.time(f"login.authenticate.{status}", seconds)

    def record_failed_start(self, reason: str, seconds: float) -> None:
        """Report a failed start and its cause.

        Args:
            reason: description of the failure for administrators.
            seconds: duration.
        """
        cause = next((word for setting, word in START_CAUSES.items() if setting in reason), "error")
        self.count(f"spawner.failure.{cause}")
        self.time("spawner.failure", seconds)

    def record_counts(self, counts: HubCounts) -> None:
        """Report how many servers run, and how many users are active if they were counted."""
        self.gauge("users.running", counts.running_servers)
        if WINDOW in counts.active_users:
            self.gauge("users.active", counts.active_users[WINDOW])

    def _send(self, name: str, value: str) -> None:
        if self._transport is not None and self._transport.get_write_buffer_size() < MAX_UNSENT:
            self._transport.sendto(f"{self._prefix}{name}:{value}".encode())
