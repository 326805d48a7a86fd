"""The hub's own static files."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from tornado.web import StaticFileHandler

from plughub.web.headers import allowed_methods
from plughub.web.protocol import PROTOCOL_VERSION, VERSION_HEADER

STATIC: Final = Path(__file__).parent / "static"


class HubStaticHandler(StaticFileHandler):
    """Handler of static files. Browsers cache addresses that contain a content hash permanently."""

    def set_default_headers(self) -> None:
        """Set the headers of every static file."""
        self.set_header(VERSION_HEADER, PROTOCOL_VERSION)
        self.set_header("X-Content-Type-Options", "nosniff")

    def check_xsrf_cookie(self) -> None:
        """Skip the check: static files are only read."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Add the header ``Allow`` to refusals of a method."""
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", allowed_methods(self))
        super().write_error(status_code, **kwargs)
