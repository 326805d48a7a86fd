"""Facts about the machine: users and groups, IPv6 support."""

from __future__ import annotations

import grp
import os
import pwd
import socket

from plughub.errors import StartError


def worker_user(user: str) -> str:
    """Return the user that HAProxy's workers run as; empty for the hub's user.

    Args:
        user: the setting.

    Raises:
        StartError: there is no such user.
    """
    if os.geteuid() != 0 or not user:
        return ""
    try:
        return pwd.getpwnam(user).pw_name
    except KeyError:
        raise StartError(f"HAProxyProxy.user is not a user of this machine: {user!r}") from None


def group_of(user: str) -> str:
    """Return the name of a user's primary group."""
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def has_dual_stack() -> bool:
    """Return whether one socket can listen on both IPv4 and IPv6."""
    if not socket.has_dualstack_ipv6():
        return False
    try:
        with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True):
            return True
    except OSError:
        return False
