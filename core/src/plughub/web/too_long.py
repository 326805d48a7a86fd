"""The answer to a request whose body is too long to be read."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from tornado.web import HTTPError, stream_request_body

from plughub.web.base import BaseHandler

MAX_DROPPED: Final = 64 * 1024 * 1024
"""Bytes; a body of up to this is received and dropped, so that its sender gets to read the answer."""


@stream_request_body
class TooLongHandler(BaseHandler):
    """Drops the body as it comes, and says how long one may be."""

    guarded = frozenset()

    def initialize(self, limit: int) -> None:
        """Take what the answer tells.

        Args:
            limit: bytes that a body may have.
        """
        self._limit = limit

    async def prepare(self) -> None:
        """Do not look who it is."""

    def data_received(self, chunk: bytes) -> None:
        """Drop a part of the body."""

    async def post(self, *_path: str) -> None:
        """Say that the body is too long."""
        message = f"the body of the request is longer than {self._limit} bytes"
        raise HTTPError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)

    get = put = patch = delete = post
