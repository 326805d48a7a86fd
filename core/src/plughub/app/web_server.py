"""The web server of a hub process."""

from __future__ import annotations

from collections.abc import Callable

from plughub.app.hub_parts import HubParts
from plughub.app.hub_plan import HubPlan
from plughub.app.startup import listening_sockets
from plughub.app.web_context import web_context
from plughub.web.application import HubApplication, make_application
from plughub.web.listener import HubServer


class WebServer:
    """Web application and its listening sockets.

    Args:
        application: the application.
        server: accepts connections.
    """

    def __init__(self, application: HubApplication, server: HubServer) -> None:
        self._application = application
        self._server = server

    @property
    def requests_under_way(self) -> int:
        """Number of requests without a response."""
        return self._application.open_requests

    def refuse_connections(self) -> None:
        """Stop accepting connections; accepted requests continue."""
        self._server.stop()

    async def close(self) -> None:
        """Close all connections."""
        self._server.stop()
        await self._server.close_all_connections()


def listen(
    plan: HubPlan, parts: HubParts, shut_down: Callable[[bool | None, bool | None], None]
) -> WebServer:
    """Start serving requests.

    Raises:
        StartError: the address is in use or cannot be bound.
    """
    sockets = listening_sockets(plan.where)
    # The application handles X-Forwarded headers itself: tornado would trust them from every client.
    application = make_application(web_context(plan, parts, shut_down))
    server = HubServer(application, ssl_options=parts.plugins.tls and parts.plugins.tls.hub.server_context())
    server.add_sockets(sockets)
    return WebServer(application, server)
