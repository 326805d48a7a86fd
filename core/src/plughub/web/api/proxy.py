"""Routes of the proxy, and their repair."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from plughub.domain.clock import isoformat
from plughub.domain.errors import InvalidError
from plughub.domain.routes import Route
from plughub.web.api.base import APIHandler
from plughub.web.api.pagination import page_of
from plughub.web.authorization import requires
from plughub.web.bodies import TEXT, check_body
from plughub.web.description import PAGE, call

_REPROXY: Final = {"ip": TEXT, "port": TEXT, "protocol": TEXT, "api_url": TEXT, "auth_token": TEXT}


def _activity(route: Route) -> dict[str, Any]:
    return {"last_activity": isoformat(route.last_activity)} if route.last_activity else {}


class ProxyHandler(APIHandler):
    """``/hub/api/proxy``."""

    @call(query=PAGE)
    @requires("proxy")
    async def get(self) -> None:
        """List the routes of the proxy."""
        page = page_of(self)
        routes = sorted(await self.services.router.list_routes(), key=lambda route: route.routespec)
        shown = {
            route.routespec: {
                "routespec": route.routespec,
                "target": route.target,
                "data": {**route.data, **_activity(route)},
            }
            for route in routes[page.offset : page.offset + page.limit]
        }
        self.answer(page.wrap(self, shown, len(routes)))

    @call()
    @requires("proxy")
    async def post(self) -> None:
        """Repair the routes now."""
        with self.context.metrics.time_route_check():
            await self.services.router.sync()
            await self.services.router.check()
        self.emit_event("check-routes", "")
        self.answer_nothing(HTTPStatus.OK)

    @call(body=_REPROXY)
    @requires("proxy")
    async def patch(self) -> None:
        """Repair the routes. The proxy's address is set in the configuration and cannot be changed here."""
        body = self.json_body()
        check_body({key: value for key, value in body.items() if key != "port"}, _REPROXY, "proxy")
        if any(value is not None for value in body.values()):
            raise InvalidError(
                f"the address of proxy {self.services.settings.proxy!r} cannot be changed by this call",
                hint="change the settings of the proxy and restart the hub; servers keep running",
            )
        await self.post()
