"""The web server of a hub process."""

from __future__ import annotations

import socket
from collections.abc import Callable

from tornado.netutil import bind_sockets

from plughub.app.hub_parts import HubParts
from plughub.app.hub_plan import HubPlan
from plughub.app.hub_socket import SocketFile
from plughub.app.listen_addresses import hub_address_setting
from plughub.app.web_context import web_context
from plughub.classes.processes.ports import bind_error
from plughub.web.application import HubApplication
from plughub.web.listener import HubServer
from plughub.web.routes import make_application


class WebServer:
    """Web application and its listening sockets.

    Args:
        application: the application.
        server: accepts connections.
        file: file of the Unix socket; None if the server listens on TCP.
    """

    def __init__(
        self, application: HubApplication, server: HubServer, file: SocketFile | None = None
    ) -> None:
        self._application = application
        self._server = server
        self._file = file

    @property
    def requests_under_way(self) -> int:
        """Number of requests without a response."""
        return self._application.open_requests

    def refuse_connections(self) -> None:
        """Stop accepting connections; accepted requests continue."""
        if self._file is not None:
            self._file.remove()
        self._server.stop()

    async def close(self) -> None:
        """Close all connections."""
        self.refuse_connections()
        await self._server.close_all_connections()


def listen(
    plan: HubPlan, parts: HubParts, shut_down: Callable[[bool | None, bool | None], None]
) -> WebServer:
    """Start serving requests.

    Raises:
        StartError: the address is in use or cannot be bound.
    """
    where = plan.where
    file = SocketFile(where.hub_socket, parts.plugins.proxy_info.user) if where.hub_socket else None
    sockets = [file.socket] if file else _tcp_sockets(plan)
    # The application handles X-Forwarded headers itself: tornado would trust them from every client.
    application = make_application(web_context(plan, parts, shut_down))
    server = HubServer(application, ssl_options=parts.plugins.tls and parts.plugins.tls.hub.server_context())
    server.add_sockets(sockets)
    return WebServer(application, server, file)


def _tcp_sockets(plan: HubPlan) -> list[socket.socket]:
    """Listen on the hub's address.

    Raises:
        StartError: the address is in use, or does not belong to this machine.
    """
    ip, port = plan.where.hub_ip, plan.where.hub_port
    try:
        return bind_sockets(port, ip or None)
    except OSError as error:
        raise bind_error(error, ip, port, hub_address_setting(plan.config)) from error
