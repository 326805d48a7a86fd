"""The answer to a request whose body is not read."""

from __future__ import annotations

from typing import Final

from tornado.web import stream_request_body

from plughub.domain.errors import HubError
from plughub.web.base import BaseHandler

MAX_DROPPED: Final = 64 * 1024 * 1024
"""Bytes; a body of up to this is received and dropped, so that its sender gets to read the answer."""


@stream_request_body
class RefusedBodyHandler(BaseHandler):
    """Drops the body as it comes, and answers an error."""

    guarded = frozenset()

    def initialize(self, error: HubError) -> None:
        """Take what the answer tells.

        Args:
            error: why the body is not read.
        """
        self._error = error

    async def prepare(self) -> None:
        """Answer at once where the client waits to be asked for the body, or sends more than is dropped."""
        announced = self.request.headers.get("Content-Length", "")
        endless = announced.isdecimal() and int(announced[:20]) > MAX_DROPPED
        if endless or "Expect" in self.request.headers:
            raise self._error

    def data_received(self, chunk: bytes) -> None:
        """Drop a part of the body."""

    async def post(self, *_path: str) -> None:
        """Answer the error."""
        raise self._error

    get = put = patch = delete = post
