"""The hub's own static files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tornado.web import StaticFileHandler

from plughub.web.protocol import PROTOCOL_VERSION, VERSION_HEADER

STATIC: Final = Path(__file__).parent / "static"


class HubStaticHandler(StaticFileHandler):
    """Static files: kept by browsers for ever when the address has a hash of the content in it."""

    def set_default_headers(self) -> None:
        """Set what every file answers."""
        self.set_header(VERSION_HEADER, PROTOCOL_VERSION)
        self.set_header("X-Content-Type-Options", "nosniff")
