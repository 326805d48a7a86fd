"""The hub itself: version, health and how it is set up."""

from __future__ import annotations

import sys
from http import HTTPStatus

from plughub import __version__
from plughub.web.api.base import APIHandler
from plughub.web.authorization import requires
from plughub.web.bodies import FLAG
from plughub.web.description import call
from plughub.web.pages.small_pages import HealthHandler
from plughub.web.protocol import PROTOCOL_VERSION


class VersionHandler(APIHandler):
    """``/hub/api/``: the version of the protocol; open to everybody, also to pages of other sites."""

    guarded = frozenset()

    async def prepare(self) -> None:
        """Do not look who it is."""

    @call(open=True)
    def get(self) -> None:
        """Give the version."""
        self.set_header("Access-Control-Allow-Origin", "*")
        self.answer({"version": PROTOCOL_VERSION})

    head = get


class APIHealthHandler(HealthHandler):
    """``/hub/api/health``."""


class ShutdownHandler(APIHandler):
    """``/hub/api/shutdown``."""

    @call(good=(202,), body={"servers": FLAG, "proxy": FLAG})
    @requires("shutdown")
    async def post(self) -> None:
        """Stop the hub, with or without servers and proxy."""
        body = self.checked_body("shutdown")
        self.tell("shutdown", "", **body)
        self.set_status(HTTPStatus.ACCEPTED)
        await self.finish({"message": "Shutting down Hub"})
        self.context.shut_down(body.get("servers"), body.get("proxy"))


class InfoHandler(APIHandler):
    """``/hub/api/info``: how the hub is set up."""

    @call()
    @requires("read:hub")
    async def get(self) -> None:
        """Tell versions and backends."""
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
