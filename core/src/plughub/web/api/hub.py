"""Version, health, configuration and shutdown of the hub."""

from __future__ import annotations

import sys
from http import HTTPStatus

from plughub import __version__
from plughub.web.api.base import APIHandler
from plughub.web.api.health import HealthHandler
from plughub.web.authorization import requires
from plughub.web.bodies import FLAG
from plughub.web.description import call
from plughub.web.protocol import PROTOCOL_VERSION


class VersionHandler(APIHandler):
    """``/hub/api/``: the protocol version, available without a login and to pages of other sites."""

    guarded = frozenset()

    async def prepare(self) -> None:
        """Skip authentication."""

    @call(open=True)
    def get(self) -> None:
        """Return the protocol version."""
        self.set_header("Access-Control-Allow-Origin", "*")
        self.answer({"version": PROTOCOL_VERSION})

    head = get


class APIHealthHandler(HealthHandler):
    """``/hub/api/health``."""


class ShutdownHandler(APIHandler):
    """``/hub/api/shutdown``."""

    @call(success=(202,), body={"servers": FLAG, "proxy": FLAG})
    @requires("shutdown")
    async def post(self) -> None:
        """Shut down the hub, optionally with the servers and the proxy."""
        body = self.checked_body("shutdown")
        self.emit_event("shutdown", "", **body)
        self.set_status(HTTPStatus.ACCEPTED)
        await self.finish({"message": "Shutting down Hub"})
        self.context.shut_down(body.get("servers"), body.get("proxy"))


class InfoHandler(APIHandler):
    """``/hub/api/info``: versions and plugins."""

    @call()
    @requires("read:hub")
    async def get(self) -> None:
        """Return the versions of the hub and its plugins."""
        spawner = self.services.settings.default_spawner
        authenticator = next(iter(self.context.login_methods), "")
        self.answer(
            {
                "version": PROTOCOL_VERSION,
                "plughub": __version__,
                "python": sys.version,
                "sys_executable": sys.executable,
                "spawner": self._plugin(spawner),
                "authenticator": self._plugin(authenticator),
                "plugins": {name: self._plugin(name) for name in self.services.hooks.caller.plugins.names},
            }
        )

    def _plugin(self, name: str) -> dict[str, str]:
        return {"class": name, "version": self.context.versions.get(name, "unknown")}
