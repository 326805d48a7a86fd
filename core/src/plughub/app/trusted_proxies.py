"""Which addresses and system users may say where a request came from."""

from __future__ import annotations

import ipaddress
import os
import pwd
from collections.abc import Iterable

from plughub.domain.errors import StartError


def proxy_users(names: Iterable[str], user: str) -> frozenset[int]:
    """Find the system users whose processes may tell where a request came from.

    Args:
        names: those that the configuration trusts.
        user: that of the hub's proxy; empty for the user of the hub.

    Returns:
        Their numbers.

    Raises:
        StartError: there is no such user.
    """
    found = set() if user else {os.geteuid()}
    for name in filter(None, (*names, user)):
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise StartError(
                f"c.JupyterHub.trusted_downstream_users names no user of this machine: {name!r}"
            ) from None
    return frozenset(found)


def proxy_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Check the addresses of proxies before the hub's own.

    Args:
        addresses: those that the configuration trusts; networks, too.

    Returns:
        The same.

    Raises:
        StartError: one is none.
    """
    checked = tuple(addresses)
    for address in checked:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise StartError(
                f"c.JupyterHub.trusted_downstream_ips: {address!r} is no address and no network"
            ) from None
    return checked
