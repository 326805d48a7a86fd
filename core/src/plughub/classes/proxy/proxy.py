"""The class that a proxy is written as."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import traitlets
from traitlets.config import LoggingConfigurable

from plughub.domain.errors import InvalidError
from plughub.domain.routes import check_routespec
from plughub.kinds import ProxySettings, TLSFiles


class Proxy(LoggingConfigurable):
    """Base class of proxies. A subclass defines `add_route`, `delete_route` and `get_all_routes`.

    It defines `start` and `stop` too when the hub launches the proxy. Methods may be ``async def``,
    ``tornado.gen.coroutine`` or a plain ``def``; a plain one runs in a thread and may block.

    Three things more, for proxies that can do them: ``replace_routes(routes)`` takes a whole table in one
    step, in the form that `get_all_routes` answers; an ``add_route`` with a fourth argument
    ``more_targets`` gets further addresses that serve the same; a ``get_all_routes`` with an argument
    ``activity`` learns whether ``last_activity`` is wanted this time.

    Attributes:
        internal_tls: it can lead to targets at ``https://`` and show them `client_tls`.
        can_route_hosts: it follows `host_routing`.
        can_serve_two_ports: it follows `servers_port`.
    """

    internal_tls: ClassVar[bool] = False
    can_route_hosts: ClassVar[bool] = False
    can_serve_two_ports: ClassVar[bool] = False

    should_start = traitlets.Bool(
        True,
        help="""Whether the hub starts and stops the proxy.

        Set it to False when somebody else does, such as systemd or a container engine.
        """,
    ).tag(config=True)

    extra_routes: traitlets.Dict[str, str] = traitlets.Dict(
        key_trait=traitlets.Unicode(),
        value_trait=traitlets.Unicode(),
        help="""Further routes that are kept in the proxy: a routespec as key, an address as value.

        With host-based routing (``JupyterHub.subdomain_host``) a routespec must have a host,
        ``example.com/my-url/``; without it, it must have none, ``/my-url/``. A route that stands here wins
        over one of the hub with the same routespec.
        """,
    ).tag(config=True)

    ip = traitlets.Unicode("", help="Address to listen on; empty for all.")
    port = traitlets.Integer(8000, help="Port to listen on.")
    public_url = traitlets.Unicode("", help="The address for a browser on this machine.")
    hub_url = traitlets.Unicode("", help="Address of the hub's own listener.")
    base_url = traitlets.Unicode("/", help="Path of the whole application.")
    error_url = traitlets.Unicode("", help="Address of the hub's error pages, ``<error_url>/<status>``.")
    ssl_cert = traitlets.Unicode("", help="Path of the certificate; empty for plain HTTP.")
    ssl_key = traitlets.Unicode("", help="Path of its key.")
    trusted_downstream_ips: traitlets.List[str] = traitlets.List(
        traitlets.Unicode(), help="Addresses whose X-Forwarded headers are believed."
    )
    host_routing = traitlets.Bool(False, help="Whether routes have a host, all but ``/``.")
    servers_port = traitlets.Integer(
        0, help="Second port to listen on, where all routes hold; on `port` only ``/`` does then. 0 for none."
    )
    client_tls = traitlets.Instance(
        TLSFiles, allow_none=True, help="What it shows to hub, servers and services, and whom it trusts."
    )
    api_tls = traitlets.Instance(
        TLSFiles, allow_none=True, help="What its API shows to hubs, and whom it trusts."
    )
    hub_tls = traitlets.Instance(TLSFiles, allow_none=True, help="What a hub shows to its API.")
    runtime_dir = traitlets.Instance(
        Path, allow_none=True, help="Folder for sockets, logs and generated files; it is made when needed."
    )

    @traitlets.default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger(f"plughub.proxy.{type(self).__name__}")

    @property
    def host_bound(self) -> bool:
        """Whether hubs of other machines do not reach this proxy; each machine has one of its own then."""
        return self.should_start

    @property
    def drops_worker_scope(self) -> bool:
        """Whether it takes the header ``Service-Worker-Allowed`` out of all answers."""
        return False

    @property
    def system_user(self) -> str:
        """System user as whom it connects to hubs of its machine; empty for the user of the hub."""
        return ""

    def configure(self, settings: ProxySettings) -> None:
        """Take over where to listen and what there is to know of the hub, before `start`.

        Args:
            settings: as the hub gives them.
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
        """Take over what `get_state` answered, maybe in another process. It is called before `start`.

        Args:
            state: what was saved; empty at first.
        """

    def get_state(self) -> dict[str, Any]:
        """Give what a later process needs to find the running proxy. It is called after `start`.

        Returns:
            JSON-able state without secrets.
        """
        return {}

    def start(self) -> Any:
        """Start the proxy, or find the one that runs already. Called when `should_start` is set."""
        raise NotImplementedError(f"{type(self).__name__} cannot be started; set should_start = False")

    def stop(self) -> Any:
        """Stop the proxy. Called when `should_start` is set."""
        raise NotImplementedError(f"{type(self).__name__} cannot be stopped; set should_start = False")

    def check_running(self) -> Any:
        """Look whether the proxy runs.

        Returns:
            None when it runs, else its exit code, 0 when not known. An exception means unknown.
        """
        return None

    def add_route(self, routespec: str, target: str, data: Mapping[str, Any]) -> Any:
        """Add a route, or change its target.

        Args:
            routespec: a prefix, ``/path/`` or ``host/path/``.
            target: ``http://address:port``, without a path.
            data: JSON-able; `get_all_routes` answers it with the route.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define add_route")

    def delete_route(self, routespec: str) -> Any:
        """Delete a route if it is there.

        Args:
            routespec: as it was added.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define delete_route")

    def get_all_routes(self) -> Any:
        """List the routes that the hub added.

        Returns:
            A dictionary with routespecs as keys. Each value has ``routespec``, ``target`` and ``data``,
            and may have ``last_activity``, a datetime in UTC or None, and ``more_targets``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define get_all_routes")

    async def get_route(self, routespec: str) -> Mapping[str, Any] | None:
        """Look up one route.

        Args:
            routespec: as it was added.

        Returns:
            What `get_all_routes` has for it, or None.
        """
        routes: Mapping[str, Mapping[str, Any]] = await self.get_all_routes()
        return routes.get(self.validate_routespec(routespec))

    def validate_routespec(self, routespec: str) -> str:
        """Check a routespec.

        Args:
            routespec: a prefix.

        Returns:
            The routespec with a slash at the end.

        Raises:
            ValueError: it has a host and may not, or the reverse.
        """
        try:
            return check_routespec(routespec, host_routing=self.host_routing)
        except InvalidError as error:
            raise ValueError(error.message) from error
