"""Web origins of hub, servers and services, and checks that they separate these from each other."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from plughub.app.config import JupyterHub
from plughub.classes.network import is_valid_ip
from plughub.domain.errors import InvalidError, StartError
from plughub.domain.hostnames import MAX_HOST, MAX_LABEL, idna_host, is_host_name, legacy_host
from plughub.domain.origins import Origins, check_origin, host_of, normal_origin, port_of
from plughub.domain.paths import check_base_url
from plughub.domain.urls import hub_url
from plughub.kinds import ProxyInfo
from plughub.services.users.login_links import PLUGIN as ONETIME

log = logging.getLogger("plughub.app")
_HOOKS: Final = {"idna": idna_host, "legacy": legacy_host}


def read_origins(hub: JupyterHub) -> Origins:
    """Read the web origins from the settings.

    Raises:
        StartError: the settings conflict, or would not separate servers from the hub.
    """
    if hub.subdomain_host and hub.servers_url:
        raise StartError(
            "c.JupyterHub.subdomain_host and c.JupyterHub.servers_url exclude each other: set one of them"
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
    """Return the proxy's second port; 0 if it has none.

    Args:
        hub: the settings of the hub.
        port: the first port.
        origins: the origins.

    Raises:
        StartError: both ports are the same, or servers_port is set without effect.
    """
    if not origins.by_port:
        if hub.servers_port:
            raise StartError(
                "c.JupyterHub.servers_port requires a servers_url with the host of the hub: remove it"
            )
        return 0
    second = hub.servers_port or port_of(origins.servers)
    if second == port:
        raise StartError(
            f"c.JupyterHub.servers_url: the proxy already listens on port {port} for the hub",
            hint="set JupyterHub.servers_port to another port, on which the proxy listens for servers",
        )
    return second


def read_hub_routespec(hub: JupyterHub, base_url: str, origins: Origins) -> str:
    """Read the prefix of the hub's route; empty for the default.

    Args:
        hub: the settings of the hub.
        base_url: escaped path of the whole application.
        origins: the origins.

    Raises:
        StartError: no request for the hub's API has this prefix, or servers have their own port.
    """
    given = hub.hub_routespec
    if not given:
        return ""
    name = f"c.JupyterHub.hub_routespec = {given!r}"
    host, slash, path = given.partition("/") if origins.by_host else ("", "/", given)
    try:
        spec = f"{host.lower()}{check_base_url(slash + path)}"
    except InvalidError as error:
        raise StartError(f"{name}: {error}") from error
    if origins.by_port:
        raise StartError(
            f"{name} has no effect on the hub's own port, where all requests go to the hub",
            hint="remove it, or set c.JupyterHub.servers_url to another host",
        )
    own = host_of(origins.hub) if origins.by_host and spec != "/" else ""
    if not f"{own}{hub_url(base_url)}api/".startswith(spec):
        raise StartError(
            f"{name} is no prefix of the hub's API at {own}{hub_url(base_url)}api/",
            hint=f"use a prefix such as {own}{hub_url(base_url)}",
        )
    return spec


def warn_of_hub_routespec(routespec: str, base_url: str) -> None:
    """Warn of a prefix with which requests to servers that do not run never reach the hub."""
    path = routespec[routespec.find("/") :]
    if path.startswith(hub_url(base_url)):
        log.warning(
            "JupyterHub.hub_routespec = %r: the hub does not receive requests to servers that do not run, "
            "nor those for %s",
            routespec,
            base_url,
        )


def check_origins(origins: Origins, proxy: ProxyInfo, plugin: str) -> None:
    """Refuse origins that the proxy cannot separate.

    Args:
        origins: the origins.
        proxy: capabilities of the proxy.
        plugin: name of the proxy's plugin.

    Raises:
        StartError: the proxy does not support routes by host, or a second port.
    """
    setting = "subdomain_host" if origins.alone else "servers_url"
    if origins.by_host and not proxy.host_routing:
        raise StartError(
            f"c.JupyterHub.{setting}: the proxy {plugin!r} cannot route by host",
            hint="use the plugin 'haproxy' or 'chp' as proxy",
        )
    if origins.by_port and not proxy.servers_port:
        raise StartError(
            f"c.JupyterHub.servers_url: the proxy {plugin!r} cannot listen on a second port",
            hint="use the plugin 'haproxy' as proxy, or set servers_url to another host",
        )


def warn_of_shared_origin(
    origins: Origins, proxy: ProxyInfo, plugin: str, authenticators: Collection[str]
) -> None:
    """Warn of the risks of origins that users share, unless one-time links are the only login."""
    if origins.alone or set(authenticators) <= {ONETIME}:
        return
    if origins.shared:
        log.warning(
            "the servers of all users share the hub's web address: a page of one server can act on the hub "
            "as the user who opens it. Set JupyterHub.subdomain_host or JupyterHub.servers_url"
        )
    if not proxy.drops_worker_scope:
        log.warning(
            "the proxy %s forwards the Service-Worker-Allowed header: a server can install a service worker "
            "that intercepts all pages of its origin. Use haproxy as proxy, or set JupyterHub.subdomain_host",
            plugin,
        )


def check_worker_scopes(
    hub: JupyterHub, origins: Origins, proxy: ProxyInfo, plugin: str, authenticators: Collection[str]
) -> None:
    """Refuse a proxy with which a server could intercept the login page of the hub.

    Raises:
        StartError: users share the hub's origin, and the proxy forwards ``Service-Worker-Allowed``.
    """
    harmless = proxy.drops_worker_scope or not origins.shared or set(authenticators) <= {ONETIME}
    if not harmless and not hub.allow_worker_scopes:
        raise StartError(
            f"the proxy {plugin!r} forwards the Service-Worker-Allowed header: the server of one user could "
            "install a service worker in front of the hub's login page and read the passwords of other users",
            hint="set c.JupyterHub.subdomain_host or servers_url, use the plugin haproxy or a chp that the "
            "hub launches, or set c.JupyterHub.allow_worker_scopes = True to accept the risk",
        )


def _of_subdomains(hub: JupyterHub) -> Origins:
    origin = _read("subdomain_host", hub.subdomain_host)
    host = host_of(origin)
    if hub.public_url and normal_origin(hub.public_url) != origin:
        raise StartError(
            f"c.JupyterHub.public_url = {hub.public_url!r} conflicts with c.JupyterHub.subdomain_host = "
            f"{hub.subdomain_host!r}, which already is the URL of the hub: remove public_url"
        )
    if is_valid_ip(host) or not is_host_name(host) or len(host) + 1 + MAX_LABEL > MAX_HOST:
        raise StartError(f"c.JupyterHub.subdomain_host: {host!r} cannot have subdomains")
    hook = hub.subdomain_hook
    return Origins(hub=origin, host_hook=_HOOKS[hook] if isinstance(hook, str) else hook)


def _of_second(hub: JupyterHub) -> Origins:
    servers = _read("servers_url", hub.servers_url)
    if not hub.public_url:
        raise StartError("c.JupyterHub.servers_url needs c.JupyterHub.public_url, the URL of the hub")
    origin = _read("public_url", hub.public_url)
    if servers == origin:
        raise StartError(
            f"c.JupyterHub.servers_url = {hub.servers_url!r} is the URL of the hub: use another host or port"
        )
    return Origins(hub=origin, servers=servers)


def _check_cookies(hub: JupyterHub, origins: Origins) -> None:
    options = hub.tornado_settings.get("cookie_options", {})
    if any(name.lower() == "domain" for name in options):
        raise StartError(
            "c.JupyterHub.tornado_settings: a domain in cookie_options would send the login cookie to "
            "servers; remove the domain"
        )
    if hub.cookie_host_prefix_enabled and origins.by_port:
        raise StartError(
            "c.JupyterHub.cookie_host_prefix_enabled would send the hub's login cookie to every server, "
            "because c.JupyterHub.servers_url has the hub's host; remove one of these settings"
        )


def _read(name: str, url: str) -> str:
    try:
        return check_origin(url)
    except InvalidError as error:
        raise StartError(f"c.JupyterHub.{name}: {error.message}") from error
