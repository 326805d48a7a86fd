"""Ports for tests, outside the range that the system assigns to outgoing connections."""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

import psutil

from plughub.domain.ip_addresses import is_loopback
from plughub.testing.workers import worker

FIRST: Final = 10_000
RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_dice: Final = random.SystemRandom()
_given: Final[set[int]] = set()


def free_port() -> int:
    """Return a free TCP port of 127.0.0.1 that no outgoing connection can take meanwhile.

    Returns:
        The port; never the same twice in one process, nor in two processes of one run of pytest.
    """
    number, count = worker()
    share = number % count  # a process that replaces one that died has a number of its own
    last = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32_768
    while True:
        port = _dice.randrange(FIRST, max(last, FIRST + 1000))
        if port % count == share and port not in _given and _is_free(port):
            _given.add(port)
            return port


def network_address() -> str:
    """Return an IPv4 address of this machine that is no loopback address.

    Returns:
        The address.

    Raises:
        LookupError: the machine has none.
    """
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family == socket.AF_INET and not is_loopback(one.address):
                return str(one.address)
    raise LookupError("this machine has loopback addresses only")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
