"""Addresses and system users that are trusted to report the origin of a request."""

from __future__ import annotations

import ipaddress
import os
import pwd
from collections.abc import Iterable

from plughub.domain.errors import StartError


def proxy_users(names: Iterable[str], user: str) -> frozenset[int]:
    """Return the uids of system users whose processes are trusted to report the origin of a request.

    Args:
        names: trusted users of the configuration.
        user: of the hub's proxy; empty for the user of the hub.

    Raises:
        StartError: a user does not exist.
    """
    found = set() if user else {os.geteuid()}
    for name in filter(None, (*names, user)):
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise StartError(
                f"c.JupyterHub.trusted_downstream_users: system user not found: {name!r}"
            ) from None
    return frozenset(found)


def proxy_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Check the addresses and networks of trusted reverse proxies, and return them.

    Raises:
        StartError: one is invalid.
    """
    checked = tuple(addresses)
    for address in checked:
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise StartError(
                f"c.JupyterHub.trusted_downstream_ips: {address!r} is neither an IP address nor a network"
            ) from None
    return checked
