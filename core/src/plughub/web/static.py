"""The hub's own static files."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from tornado.web import GZipContentEncoding, StaticFileHandler

from plughub.web.headers import allowed_methods
from plughub.web.protocol import PROTOCOL_VERSION, VERSION_HEADER

STATIC: Final = Path(__file__).parent / "static"

FURTHER_STATIC: Final = "further_static_path"
"""Setting of the application with the folders that are searched after the hub's own."""


class HubStaticHandler(StaticFileHandler):
    """Handler of static files. Browsers cache addresses that contain a content hash permanently."""

    def prepare(self) -> None:
        """Compress text. Static files contain no secrets, whose length compression could reveal; pages do."""
        if "Range" not in self.request.headers:
            self._transforms = [*self._transforms, GZipContentEncoding(self.request)]

    async def get(self, path: str, include_body: bool = True) -> None:
        """Send a file."""
        self.root = _root_of(path, self.root, self.settings[FURTHER_STATIC])
        await super().get(path, include_body)

    @classmethod
    def get_version(cls, settings: dict[str, Any], path: str) -> str | None:
        """Return the hash of a file's content, for its address."""
        root = _root_of(path, settings["static_path"], settings.get(FURTHER_STATIC, ()))
        return super().get_version({**settings, "static_path": root}, path)

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


def _root_of(path: str, own: str, further: Sequence[str]) -> str:
    """Return the folder that has a static file: the hub's own takes precedence."""
    if Path(own, path).exists():
        return own
    return next((folder for folder in further if Path(folder, path).is_file()), own)
