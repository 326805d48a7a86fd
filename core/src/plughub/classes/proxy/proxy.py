"""Base class of proxies."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import traitlets

from plughub.classes.plain_settings import PlainSettings
from plughub.domain.errors import InvalidError
from plughub.domain.routes import check_routespec
from plughub.kinds import ProxySettings, TLSFiles


class Proxy(PlainSettings):
    """Base class of proxies. Subclasses implement `add_route`, `delete_route` and `get_all_routes`.

    A subclass also implements `start` and `stop` if the hub launches the proxy. Methods may be ``async def``,
    ``tornado.gen.coroutine`` or plain ``def``; plain methods run in a thread and may block.

    Optional features: ``replace_routes(routes)`` replaces all routes in one step and receives them in the
    form that `get_all_routes` returns; an ``add_route`` with a fourth argument ``more_targets`` receives
    further addresses that serve the same content; a ``get_all_routes`` with an argument ``activity``
    receives whether ``last_activity`` is needed this time.

    Attributes:
        internal_tls: the proxy supports targets at ``https://`` and client certificates (`client_tls`).
        can_route_hosts: the proxy supports `host_routing`.
        can_serve_two_ports: the proxy supports `servers_port`.
    """

    internal_tls: ClassVar[bool] = False
    can_route_hosts: ClassVar[bool] = False
    can_serve_two_ports: ClassVar[bool] = False

    should_start = traitlets.Bool(
        True,
        help="""Start and stop the proxy with the hub.

        Set it to False if the proxy is managed by something else, such as systemd or a container engine.
        """,
    ).tag(config=True)

    extra_routes: traitlets.Dict[str, str] = traitlets.Dict(
        key_trait=traitlets.Unicode(),
        value_trait=traitlets.Unicode(),
        help="""Additional routes that the hub maintains in the proxy: a mapping from routespecs to URLs.

        With host-based routing (``JupyterHub.subdomain_host``) a routespec must begin with a host, such as
        ``example.com/my-url/``; otherwise it must not, such as ``/my-url/``. An extra route takes
        precedence over a route of the hub with the same routespec.
        """,
    ).tag(config=True)

    ip = traitlets.Unicode("", help="Address to listen on; empty for all interfaces.")
    port = traitlets.Integer(8000, help="Port to listen on.")
    public_url = traitlets.Unicode("", help="URL of the proxy for a browser on this machine.")
    hub_url = traitlets.Unicode("", help="URL at which the proxy connects to the hub.")
    base_url = traitlets.Unicode("/", help="Path prefix of the whole application.")
    error_url = traitlets.Unicode("", help="URL of the hub's error pages: ``<error_url>/<status>``.")
    ssl_cert = traitlets.Unicode("", help="Path of the certificate; empty for plain HTTP.")
    ssl_key = traitlets.Unicode("", help="Path of the private key.")
    trusted_downstream_ips: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(), help="Addresses whose X-Forwarded headers are trusted."
    )
    host_routing = traitlets.Bool(False, help="Whether all routes except ``/`` begin with a host.")
    servers_port = traitlets.Integer(
        0,
        help="""Second port to listen on, which serves all routes, while `port` serves only ``/``; 0 for
        none.
        """,
    )
    client_tls = traitlets.Instance(
        TLSFiles,
        allow_none=True,
        help="Certificate and trusted authorities for connections to hub, servers and services.",
    )
    api_tls = traitlets.Instance(
        TLSFiles,
        allow_none=True,
        help="Certificate and trusted authorities for connections of hubs to the proxy's API.",
    )
    hub_tls = traitlets.Instance(
        TLSFiles,
        allow_none=True,
        help="Certificate and trusted authorities with which a hub connects to the proxy's API.",
    )
    runtime_dir = traitlets.Instance(
        Path,
        allow_none=True,
        help="Directory for sockets, logs and generated files; the plugin creates it when needed.",
    )

    @traitlets.default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger(f"plughub.proxy.{type(self).__name__}")

    @property
    def host_bound(self) -> bool:
        """True if each machine with a hub has its own proxy, which hubs on other machines cannot manage."""
        return self.should_start

    @property
    def drops_worker_scope(self) -> bool:
        """True if the proxy removes the ``Service-Worker-Allowed`` header from all responses."""
        return False

    @property
    def system_user(self) -> str:
        """System user as whom the proxy connects to hubs on its machine; empty for the user of the hub."""
        return ""

    def configure(self, settings: ProxySettings) -> None:
        """Set addresses, certificates and facts about the hub. Called before `start`.

        Args:
            settings: from the hub.
        """
        for name in (
            "ip",
            "port",
            "public_url",
            "hub_url",
            "base_url",
            "error_url",
            "ssl_cert",
            "ssl_key",
            "host_routing",
            "servers_port",
            "client_tls",
            "api_tls",
            "hub_tls",
        ):
            setattr(self, name, getattr(settings, name))
        self.trusted_downstream_ips = list(settings.trusted_downstream_ips)

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state that `get_state` returned, possibly in another process. Called before `start`.

        Args:
            state: the state; empty at first.
        """

    def get_state(self) -> dict[str, Any]:
        """Return what a later process needs to find the running proxy. Called after `start`.

        Returns:
            JSON-able state without secrets.
        """
        return {}

    def start(self) -> Any:
        """Start the proxy, or find the one that already runs. Called if `should_start` is set."""
        raise NotImplementedError(f"{type(self).__name__} does not implement start; set should_start = False")

    def stop(self) -> Any:
        """Stop the proxy. Called if `should_start` is set."""
        raise NotImplementedError(f"{type(self).__name__} does not implement stop; set should_start = False")

    def check_running(self) -> Any:
        """Check whether the proxy runs.

        Returns:
            None if it runs, else its exit code (0 if unknown). An exception means unknown.
        """
        return None

    def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> Any:
        """Add a route, or change its target.

        Args:
            routespec: a prefix, ``/path/`` or ``host/path/``.
            target: ``http://address:port``, without a path.
            data: JSON-able dictionary, which `get_all_routes` returns with the route.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement add_route")

    def delete_route(self, routespec: str) -> Any:
        """Delete a route if it exists.

        Args:
            routespec: as it was added.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement delete_route")

    def get_all_routes(self) -> Any:
        """Return the routes that the hub added.

        Returns:
            A dictionary by routespec. Each value has ``routespec``, ``target`` and ``data``, and may have
            ``last_activity``, a datetime in UTC or None, and ``more_targets``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement get_all_routes")

    async def get_route(self, routespec: str) -> Mapping[str, Any] | None:
        """Return one route.

        Args:
            routespec: as it was added.

        Returns:
            Its value in `get_all_routes`, or None.
        """
        routes: Mapping[str, Mapping[str, Any]] = await self.get_all_routes()
        return routes.get(self.validate_routespec(routespec))

    def validate_routespec(self, routespec: str) -> str:
        """Check and normalise a routespec.

        Args:
            routespec: a prefix.

        Returns:
            The routespec with a trailing slash.

        Raises:
            ValueError: it has a host without host-based routing, or the reverse.
        """
        try:
            return check_routespec(routespec, host_routing=self.host_routing)
        except InvalidError as error:
            raise ValueError(error.message) from error
