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
    """A web application and the sockets that it is reached by.

    Args:
        application: the application.
        server: listens.
    """

    def __init__(self, application: HubApplication, server: HubServer) -> None:
        self._application = application
        self._server = server

    @property
    def requests_under_way(self) -> int:
        """How many requests have no answer yet."""
        return self._application.under_way

    def refuse_connections(self) -> None:
        """Accept no more connections; requests that were accepted continue."""
        self._server.stop()

    async def close(self) -> None:
        """Close all connections."""
        self._server.stop()
        await self._server.close_all_connections()


def listen(
    plan: HubPlan, parts: HubParts, shut_down: Callable[[bool | None, bool | None], None]
) -> WebServer:
    """Begin to serve.

    Args:
        plan: of the hub.
        parts: of the hub.
        shut_down: ends this process.

    Returns:
        The server.

    Raises:
        StartError: the address is taken, or cannot be listened on.
    """
    sockets = listening_sockets(plan.where)
    # The application itself sees to X-Forwarded headers: tornado would believe anybody.
    application = make_application(web_context(plan, parts, shut_down))
    server = HubServer(application, ssl_options=parts.tls and parts.tls.hub.server_context())
    server.add_sockets(sockets)
    return WebServer(application, server)
