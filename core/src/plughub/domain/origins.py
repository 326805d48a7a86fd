"""Origins (scheme, host and port) of the hub, of servers and of services.

A browser isolates pages by origin. A page that shares the hub's origin can act in the name of its visitor.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

import idna

from plughub.domain.errors import InvalidError
from plughub.domain.hostnames import SERVICE, USER, HostHook, idna_host, is_host_name, legacy_host
from plughub.domain.urls import host_in_url

log = logging.getLogger("plughub.origins")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Origins of a hub, its servers and its services.

    Attributes:
        hub: origin of the hub, such as ``https://hub.example.org:8443``; empty if unknown.
        servers: one origin for all servers and services; empty for none.
        host_hook: function that returns a host for each user and service below the hub's; None for none.
    """

    hub: str = ""
    servers: str = ""
    host_hook: HostHook | None = None

    @property
    def shared(self) -> bool:
        """True if servers and services have the same origin as the hub."""
        return not self.servers and self.host_hook is None

    @property
    def by_host(self) -> bool:
        """True if hub and servers have different hosts, so that routes include a host."""
        return not self.shared and not self.by_port

    @property
    def by_port(self) -> bool:
        """True if hub and servers differ in their port only, so that browsers send cookies to both."""
        return bool(self.servers) and host_of(self.servers) == host_of(self.hub)

    @property
    def alone(self) -> bool:
        """True if each user has a host of their own."""
        return self.host_hook is not None

    @property
    def is_secure(self) -> bool:
        """True if browsers reach the hub by https."""
        return self.hub.startswith("https:")

    def of_user(self, name: str) -> str:
        """Return the origin of a user's servers; empty if they share the hub's."""
        return self._of(name, USER)

    def of_service(self, name: str) -> str:
        """Return the origin of a service; empty if it shares the hub's."""
        return self._of(name, SERVICE)

    def shares_host(self, kind: str = USER) -> bool:
        """Return whether servers of several users, or several services, have the same host."""
        return not self.alone or (kind == SERVICE and self.host_hook is legacy_host)

    def routespec(self, origin: str, path: str) -> str:
        """Return the routespec of a server or service, with its host if routes include hosts.

        Args:
            origin: its origin.
            path: its prefix.
        """
        return f"{host_of(origin)}{path}" if self.by_host else path

    def is_hub(self, host: str) -> bool:
        """Return whether a request was sent to the hub's origin; always True if there is one for all.

        Args:
            host: the ``Host`` header of the request.
        """
        if self.shared:
            return True
        hub = _split(self.hub)
        asked = _split(f"{hub.scheme}://{host}")
        if self.by_port:
            return (asked.hostname, _port(asked)) == (hub.hostname, _port(hub))
        return asked.hostname == hub.hostname

    def is_foreign(self, origin: str) -> bool:
        """Return whether another origin sent a request; always False if there is one origin for all.

        Args:
            origin: the ``Origin`` header of the request; empty if it has none.
        """
        return bool(origin) and not self.shared and normal_origin(origin) != self.hub

    def _of(self, name: str, kind: str) -> str:
        if self.host_hook is None:
            return self.servers
        hub = _split(self.hub)
        domain = hub.hostname or ""
        host = self.host_hook(name, domain, kind)
        if host == domain or not is_host_name(host):
            log.error(
                "subdomain_hook returned the invalid host %r for %s %r: using another host", host, kind, name
            )
            host = idna_host(name, domain, kind)
        return f"{hub.scheme}://{host}{f':{hub.port}' if hub.port else ''}"


def normal_origin(url: str) -> str:
    """Return the origin of an absolute URL as browsers write it; empty if it has none."""
    parts = _split(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return ""
    host = _host(parts.hostname)
    port = _port(parts)
    return f"{parts.scheme}://{host}" + (f":{port}" if port != _DEFAULT_PORTS[parts.scheme] else "")


def check_origin(url: str) -> str:
    """Return the origin of a configured URL as browsers write it.

    Args:
        url: such as ``https://hub.example.org:8443``.

    Raises:
        InvalidError: it is not such a URL.
    """
    parts = _split(url)
    origin = normal_origin(url)
    if not origin or parts.username or parts.query or parts.fragment:
        raise InvalidError(f"{url!r} is not an address such as https://hub.example.org")
    return origin


def host_of(origin: str) -> str:
    """Return the host of an origin, without its port."""
    return _split(origin).hostname or ""


def port_of(origin: str) -> int:
    """Return the port of an origin."""
    return _port(_split(origin))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return urlsplit("")
    return parts


def _host(host: str) -> str:
    """Return a host as browsers write it; an invalid host is returned unchanged."""
    try:
        if ":" in host:
            return f"[{IPv6Address(host).compressed}]"
        return host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except ValueError:
        return host_in_url(host)


def _port(parts: SplitResult) -> int:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
