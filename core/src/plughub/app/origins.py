"""Reading which origins hub, servers and services have, and refusing what would not separate them."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from plughub.app.config import JupyterHub
from plughub.classes.network import is_valid_ip
from plughub.domain.errors import InvalidError, StartError
from plughub.domain.hostnames import MAX_HOST, MAX_LABEL, idna_host, is_host_name, legacy_host
from plughub.domain.origins import Origins, check_origin, host_of, normal_origin, port_of
from plughub.kinds import ProxyInfo
from plughub.services.users.login_links import PLUGIN as ONETIME

log = logging.getLogger("plughub.app")
_HOOKS: Final = {"idna": idna_host, "legacy": legacy_host}


def read_origins(hub: JupyterHub) -> Origins:
    """Read the origins.

    Args:
        hub: the settings of the hub.

    Returns:
        The origins.

    Raises:
        StartError: the settings do not go together, or would leave a hole.
    """
    if hub.subdomain_host and hub.servers_url:
        raise StartError(
            "c.JupyterHub.subdomain_host and c.JupyterHub.servers_url exclude each other: set one"
        )
    if hub.subdomain_host:
        origins = _of_subdomains(hub)
    elif hub.servers_url:
        origins = _of_second(hub)
    else:
        origins = Origins(hub=normal_origin(hub.public_url))
    if not origins.shared:
        _check_cookies(hub, origins)
    return origins


def servers_port(hub: JupyterHub, port: int, origins: Origins) -> int:
    """Work out the second port of the proxy.

    Args:
        hub: the settings of the hub.
        port: the first port.
        origins: the origins.

    Returns:
        The port; 0 for none.

    Raises:
        StartError: both ports are the same, or the setting has no meaning.
    """
    if not origins.by_port:
        if hub.servers_port:
            raise StartError(
                "c.JupyterHub.servers_port is for a servers_url with the host of the hub: take it out"
            )
        return 0
    second = hub.servers_port or port_of(origins.servers)
    if second == port:
        raise StartError(
            f"c.JupyterHub.servers_url: the proxy listens on port {port} for the hub already",
            hint="set JupyterHub.servers_port to the port on which it listens for servers",
        )
    return second


def check_origins(origins: Origins, proxy: ProxyInfo, plugin: str) -> None:
    """Refuse origins that the proxy cannot separate.

    Args:
        origins: the origins.
        proxy: what the proxy says of itself.
        plugin: its name.

    Raises:
        StartError: the proxy cannot do it.
    """
    setting = "subdomain_host" if origins.alone else "servers_url"
    if origins.by_host and not proxy.host_routing:
        raise StartError(
            f"c.JupyterHub.{setting}: the proxy {plugin!r} takes no routes with hosts",
            hint="use the plugin haproxy or chp",
        )
    if origins.by_port and not proxy.servers_port:
        raise StartError(
            f"c.JupyterHub.servers_url: the proxy {plugin!r} cannot listen on a second port",
            hint="use the plugin haproxy, or another host in servers_url",
        )


def warn_of_shared_origin(
    origins: Origins, proxy: ProxyInfo, plugin: str, authenticators: Collection[str]
) -> None:
    """Log what people who share the origin of their servers risk; nothing where there is one person.

    Args:
        origins: the origins.
        proxy: what the proxy says of itself.
        plugin: its name.
        authenticators: the plugins by which people log in.
    """
    if origins.alone or set(authenticators) <= {ONETIME}:
        return
    if origins.shared:
        log.warning(
            "the servers of all users share the hub's web address: a page of one can act on the hub as "
            "whoever opens it. Set JupyterHub.subdomain_host or JupyterHub.servers_url"
        )
    if not proxy.drops_worker_scope:
        log.warning(
            "the proxy %s passes the header Service-Worker-Allowed on: a server can put a service worker "
            "before all pages of its web address. Use haproxy, or set JupyterHub.subdomain_host",
            plugin,
        )


def check_worker_scopes(
    hub: JupyterHub, origins: Origins, proxy: ProxyInfo, plugin: str, authenticators: Collection[str]
) -> None:
    """Refuse a proxy with which a server could put itself before the login page of the hub.

    Args:
        hub: the settings of the hub.
        origins: those of hub and servers.
        proxy: what the proxy says of itself.
        plugin: its name.
        authenticators: the plugins by which people log in.

    Raises:
        StartError: several people share the hub's origin, and the proxy passes ``Service-Worker-Allowed`` on.
    """
    harmless = proxy.drops_worker_scope or not origins.shared or set(authenticators) <= {ONETIME}
    if not harmless and not hub.allow_worker_scopes:
        raise StartError(
            f"the proxy {plugin!r} passes the header Service-Worker-Allowed on: the server of one user could "
            "put a service worker before the hub's login page and read the passwords of all others",
            hint="set c.JupyterHub.subdomain_host or servers_url, use the plugin haproxy or a chp that the "
            "hub launches, or set c.JupyterHub.allow_worker_scopes = True to start all the same",
        )


def _of_subdomains(hub: JupyterHub) -> Origins:
    origin = _read("subdomain_host", hub.subdomain_host)
    host = host_of(origin)
    if hub.public_url and normal_origin(hub.public_url) != origin:
        raise StartError(
            f"c.JupyterHub.public_url = {hub.public_url!r} is not at c.JupyterHub.subdomain_host = "
            f"{hub.subdomain_host!r}, which is the address of the hub: take it out"
        )
    if is_valid_ip(host) or not is_host_name(host) or len(host) + 1 + MAX_LABEL > MAX_HOST:
        raise StartError(f"c.JupyterHub.subdomain_host: there can be no hosts below {host!r}")
    hook = hub.subdomain_hook
    return Origins(hub=origin, host_hook=_HOOKS[hook] if isinstance(hook, str) else hook)


def _of_second(hub: JupyterHub) -> Origins:
    servers = _read("servers_url", hub.servers_url)
    if not hub.public_url:
        raise StartError("c.JupyterHub.servers_url needs c.JupyterHub.public_url, the address of the hub")
    origin = _read("public_url", hub.public_url)
    if servers == origin:
        raise StartError(f"c.JupyterHub.servers_url = {hub.servers_url!r} is the address of the hub itself")
    return Origins(hub=origin, servers=servers)


def _check_cookies(hub: JupyterHub, origins: Origins) -> None:
    options = hub.tornado_settings.get("cookie_options", {})
    if any(name.lower() == "domain" for name in options):
        raise StartError(
            "c.JupyterHub.tornado_settings: cookie_options with a domain send the login cookie to servers; "
            "take the domain out"
        )
    if hub.cookie_host_prefix_enabled and origins.by_port:
        raise StartError(
            "c.JupyterHub.cookie_host_prefix_enabled: such cookies go to all ports of a host, and to every "
            "server with c.JupyterHub.servers_url on the hub's host; take one of them out"
        )


def _read(name: str, url: str) -> str:
    try:
        return check_origin(url)
    except InvalidError as error:
        raise StartError(f"c.JupyterHub.{name}: {error.message}") from error
