"""What the machine offers: users, and IPv6."""

from __future__ import annotations

import grp
import os
import pwd
import socket

from plughub.errors import StartError


def unprivileged(user: str) -> str:
    """Tell whom HAProxy's workers should run as.

    Args:
        user: the setting.

    Returns:
        The user; empty when they run as the hub.

    Raises:
        StartError: there is no such user.
    """
    if os.geteuid() != 0 or not user:
        return ""
    try:
        return pwd.getpwnam(user).pw_name
    except KeyError:
        raise StartError(f"HAProxyProxy.user names no user of this machine: {user!r}") from None


def group_of(user: str) -> str:
    """Name the primary group of a user.

    Args:
        user: the user.

    Returns:
        The group.
    """
    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def has_dual_stack() -> bool:
    """Tell whether one socket can listen on IPv4 and IPv6."""
    if not socket.has_dualstack_ipv6():
        return False
    try:
        with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True):
            return True
    except OSError:
        return False
