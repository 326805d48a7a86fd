"""A single-user server with a websocket, for tests of connections that outlive a hub.

``python -m plughub.testing.socket_server`` listens where ``JUPYTERHUB_SERVICE_URL`` says. Every path answers
the name of the user, ``…/who`` that of the server with it; ``…/socket`` is a websocket that sends back what
it gets.
"""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class _Name(RequestHandler):
    def get(self) -> None:
        self.finish(os.environ.get("JUPYTERHUB_USER", ""))


class _FullName(RequestHandler):
    def get(self) -> None:
        self.finish("/".join(os.environ.get(f"JUPYTERHUB_{part}", "") for part in ("USER", "SERVER_NAME")))


class _Echo(WebSocketHandler):
    def check_origin(self, origin: str) -> bool:  # noqa: ARG002 - anybody may connect
        return True

    async def on_message(self, message: str | bytes) -> None:
        await self.write_message(message)


async def main() -> None:
    """Serve until a signal ends it."""
    address = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    Application([(r".*/socket", _Echo), (r".*/who", _FullName), (r".*", _Name)]).listen(
        address.port or 0, address.hostname or ""
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
