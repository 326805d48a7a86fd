"""Base class of proxies."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import traitlets

from plughub.classes.plain_settings import PlainSettings
from plughub.classes.proxy.entries import Entries, add_entry, extra_routes, route_of, run_all
from plughub.classes.proxy.routed_objects import ProxyHub
from plughub.classes.user_code import call
from plughub.domain.errors import InvalidError
from plughub.domain.routes import Route, check_routespec
from plughub.kinds import ProxySettings, TLSFiles


class Proxy(PlainSettings):
    """Base class of proxies. Subclasses implement `add_route`, `delete_route` and `get_all_routes`.

    The hub calls `add_hub_route`, `add_user`, `add_service`, `delete_user` and `delete_service` for single
    routes, and `add_all_users` and `add_all_services` for many. Their base implementations call the methods
    above.

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
        can_reach_sockets: the proxy supports a hub at ``http+unix://`` and the escaped path of a socket.
    """

    internal_tls: ClassVar[bool] = False
    can_route_hosts: ClassVar[bool] = False
    can_serve_two_ports: ClassVar[bool] = False
    can_reach_sockets: ClassVar[bool] = False

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
    hub = traitlets.Instance(
        ProxyHub, (), help="The hub: ``routespec``, ``host``, ``url``, ``base_url``, ``more_targets``."
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
        """System user of the proxy's connections to hubs on its machine; empty for the user of the hub."""
        return ""

    def check_config(self) -> None:
        """Check the settings of the proxy before anything starts, such as whether its program exists.

        Also called by ``hub check``. It is called before `configure`, changes nothing, and may block for a
        moment.

        Raises:
            StartError: a setting is invalid; the message names it, and the hint says what to do.
        """

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
        self.hub = ProxyHub(
            routespec=settings.hub_prefix,
            host=settings.hub_url,
            base_url=f"{settings.base_url}hub/",
        )

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

    # ------------------------------------------------------------------- routes of hub, users and services

    async def add_hub_route(self, hub: Any) -> None:
        """Add the route of the hub.

        Args:
            hub: has ``routespec``, ``host``, and ``more_targets`` if several hub processes run.
        """
        self.log.debug("Adding the route of the hub: %s => %s", hub.routespec, hub.host)
        more = tuple(getattr(hub, "more_targets", ()))
        await self._add(hub.routespec, hub.host, {"hub": True}, more)

    async def add_user(self, user: Any, server_name: str = "", client: Any = None) -> None:  # noqa: ARG002 - the signature of the specification
        """Add the route of a user's server.

        Args:
            user: has ``name`` and ``spawners``, a dictionary by name of server. A spawner has ``name``,
                ``proxy_spec``, the routespec, and ``server.host``, the target.
            server_name: name of the server.
            client: unused.

        Raises:
            RuntimeError: the server is stopping or has no address.
        """
        spawner = user.spawners[server_name]
        if spawner.server is None:
            raise RuntimeError(f"server {server_name!r} of {user.name} has no address for a route")
        self.log.debug(
            "Adding user %s to the proxy: %s => %s", user.name, spawner.proxy_spec, spawner.server.host
        )
        data = {"user": user.name, "server_name": server_name}
        await self._add(spawner.proxy_spec, spawner.server.host, data)

    async def delete_user(self, user: Any, server_name: str = "") -> None:
        """Delete the route of a user's server.

        Args:
            user: as for `add_user`; the servers have no address.
            server_name: name of the server.
        """
        spec = user.spawners[server_name].proxy_spec
        self.log.debug("Removing user %s from the proxy: %s", user.name, spec)
        await self._call(self.delete_route, spec)

    async def add_service(self, service: Any, client: Any = None) -> None:  # noqa: ARG002 - the signature of the specification
        """Add the route of a service.

        Args:
            service: has ``name``, ``proxy_spec`` and ``server.host``.
            client: unused.

        Raises:
            RuntimeError: the service has no address.
        """
        if not service.server:
            raise RuntimeError(f"service {service.name} has no address for a route")
        self.log.debug(
            "Adding service %s to the proxy: %s => %s", service.name, service.proxy_spec, service.server.host
        )
        await self._add(service.proxy_spec, service.server.host, {"service": service.name})

    async def delete_service(self, service: Any, client: Any = None) -> None:  # noqa: ARG002 - the signature of the specification
        """Delete the route of a service.

        Args:
            service: has ``name`` and ``proxy_spec``.
            client: unused.
        """
        self.log.debug("Removing service %s from the proxy", service.name)
        await self._call(self.delete_route, service.proxy_spec)

    async def add_all_users(self, user_dict: Mapping[Any, Any]) -> None:
        """Add the routes of all ready servers of some users.

        Args:
            user_dict: users by name. The hub passes those whose routes the proxy lacks: all of them if the
                proxy was started without routes.
        """
        await run_all(
            [
                self.add_user(user, name)
                for user in user_dict.values()
                for name, spawner in user.spawners.items()
                if spawner.ready
            ]
        )

    async def add_all_services(self, service_dict: Mapping[Any, Any]) -> None:
        """Add the routes of all services that have an address.

        Args:
            service_dict: services by name, as for `add_all_users`.
        """
        await run_all([self.add_service(each) for each in service_dict.values() if each.server])

    async def check_routes(
        self, user_dict: Mapping[Any, Any], service_dict: Mapping[Any, Any], routes: Entries | None = None
    ) -> None:
        """Add missing and wrong routes, and delete those that lead to nothing.

        The hub calls it only if a class overrides it: after its start and a restart of the proxy, every
        ``JupyterHub.last_activity_interval`` seconds, and on request by the API. By itself it compares the
        routes every second.

        Args:
            user_dict: all users with servers that run, start or stop. Routes of servers that are ``pending``
                stay as they are.
            service_dict: all services.
            routes: result of `get_all_routes`; None to call it.
        """
        found = routes or await self._call(self.get_all_routes)
        wanted = dict(self._expected(user_dict, service_dict))
        pending = {
            spawner.proxy_spec
            for user in user_dict.values()
            for spawner in user.spawners.values()
            if spawner.pending
        }
        stale = [spec for spec in found if spec not in wanted and spec not in pending]
        wrong = [
            (method, args)
            for spec, (route, method, args) in wanted.items()
            if spec not in found or not route_of(spec, found[spec]).same_way(route)
        ]
        await run_all([self._call(self.delete_route, spec) for spec in stale])
        await run_all([self._call(method, *args) for method, args in wrong])

    def _expected(
        self, users: Mapping[Any, Any], services: Mapping[Any, Any]
    ) -> Iterator[tuple[str, tuple[Route, Any, tuple[Any, ...]]]]:
        """Yield the expected routes by routespec, each with the call that adds it."""
        hub = self.hub
        route = Route(routespec=hub.routespec, target=hub.host, more_targets=hub.more_targets)
        yield hub.routespec, (route, self.add_hub_route, (hub,))
        for user in users.values():
            for name, spawner in user.spawners.items():
                if spawner.ready and not spawner.pending:
                    route = Route(routespec=spawner.proxy_spec, target=spawner.server.host)
                    yield spawner.proxy_spec, (route, self.add_user, (user, name))
        for service in services.values():
            if service.server:
                route = Route(routespec=service.proxy_spec, target=service.server.host)
                yield service.proxy_spec, (route, self.add_service, (service,))
        for spec, extra in extra_routes(self).items():
            yield spec, (extra, self._add, (spec, extra.target, dict(extra.data)))

    async def _add(
        self, routespec: str, target: str, data: Mapping[str, Any], more: tuple[str, ...] = ()
    ) -> None:
        route = Route(routespec=routespec, target=target, data=data, more_targets=more)
        await add_entry(type(self).__name__, self, route)

    async def _call(self, function: Any, *args: Any) -> Any:
        return await call(type(self).__name__, function, *args)

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
