"""Response to a request whose body is refused."""

from __future__ import annotations

from typing import Final

from tornado.web import stream_request_body

from plughub.domain.errors import HubError
from plughub.web.base import BaseHandler

MAX_DROPPED: Final = 64 * 1024 * 1024
"""Bytes. A refused body up to this size is received and dropped, so that the client can read the response."""


@stream_request_body
class RefusedBodyHandler(BaseHandler):
    """Handler that drops the body as it arrives and responds with an error."""

    guarded = frozenset()

    def initialize(self, error: HubError) -> None:
        """Store the error to respond with."""
        self._error = error

    async def prepare(self) -> None:
        """Respond at once if the client waits for permission to send, or announces too long a body."""
        announced = self.request.headers.get("Content-Length", "")
        endless = announced.isdecimal() and int(announced[:20]) > MAX_DROPPED
        if endless or "Expect" in self.request.headers:
            raise self._error

    def data_received(self, chunk: bytes) -> None:
        """Drop a chunk of the body."""

    async def post(self, *_path: str) -> None:
        """Respond with the error."""
        raise self._error

    get = put = patch = delete = post
