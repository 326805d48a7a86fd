"""How much of a body is read: decided by the headers of a request, before anything of it is taken."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final, cast

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)

from plughub.domain.errors import HubError, TooLargeError, UnavailableError
from plughub.web.base import STRANGER_BODY, BaseHandler
from plughub.web.body_refusal import MAX_DROPPED, RefusedBodyHandler
from plughub.web.listener import BODY_SECONDS

if TYPE_CHECKING:
    from plughub.web.application import HubApplication

FULL: Final = "the hub is reading too many requests at once, please try again"
SLOWEST: Final = 32 * 1024
"""Bytes a second that are expected of a client which may send a long body."""


class _AnyHandler(BaseHandler):
    """Finds out who makes a request for a handler that is not the hub's."""

    accepts_token = True


class BodyGate(HTTPMessageDelegate):
    """Stands before the handler of a request that has a body.

    A short body is read whoever sends it. For a longer one the hub finds out first who makes the request,
    and how much the handler takes of a signed-in user. Bodies that are read or answered at once have bounds,
    too. What is too long, or too much, is received and dropped, up to a bound, so that the client gets to
    read the answer.

    Args:
        application: the application.
        request: the request.
        handler: what answers it.
    """

    def __init__(
        self, application: HubApplication, request: HTTPServerRequest, handler: HTTPMessageDelegate
    ) -> None:
        self._application = application
        self._request = request
        self._connection = cast("Any", request.connection)
        self._key = self._connection.context
        self._handler = handler
        self._left = STRANGER_BODY
        self._limit = STRANGER_BODY
        self._owner = f"address {request.remote_ip}"
        self._is_counted = False
        self._dropping = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Decide how much is read."""
        announced = headers.get("Content-Length", "").partition(",")[0].strip()
        length = int(announced[:20]) if announced.isdecimal() else None
        if length is None and "Transfer-Encoding" in headers:
            # Without a length, a body may turn out to be short: what is held is bounded all the same.
            return self._admit_unknown(start_line, headers)
        if length is None or length <= STRANGER_BODY:
            if length and not self._admits(length):
                return self._refuse(UnavailableError(FULL))
            self._is_counted = True
            self._connection.set_max_body_size(STRANGER_BODY)
            return self._handler.headers_received(start_line, headers)
        return self._admit(start_line, headers, length)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a part of the body, or drop it."""
        if self._dropping:
            return None
        self._left -= len(chunk)
        if self._left < 0:
            return self._refuse(self._too_long())
        if not self._is_counted and not self._admits(len(chunk)):
            return self._refuse(UnavailableError(FULL))
        return self._handler.data_received(chunk)

    def finish(self) -> None:
        """Have the request answered."""
        self._application.connections.is_whole(self._key)
        self._handler.finish()

    def on_connection_close(self) -> None:
        """Tell the handler that its client has gone."""
        self._handler.on_connection_close()

    async def _admit(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, length: int
    ) -> None:
        error = await self._find_limit()
        if error is None and length > self._limit:
            error = self._too_long()
        if error is None and not self._admits(length):
            error = UnavailableError(FULL)
        if error is not None:
            await self._refuse(error)
            return
        self._is_counted = True
        self._connection.set_max_body_size(self._limit)
        self._connection.set_body_timeout(BODY_SECONDS + length / SLOWEST)
        await _maybe(self._handler.headers_received(start_line, headers))

    async def _admit_unknown(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        error = await self._find_limit()
        if error is not None:
            await self._refuse(error)
            return
        self._connection.set_max_body_size(MAX_DROPPED + self._limit)
        await _maybe(self._handler.headers_received(start_line, headers))

    async def _find_limit(self) -> HubError | None:
        """Identify the caller and how much they may send here; return what prevents it."""
        handler_class = getattr(self._handler, "handler_class", _AnyHandler)
        known = issubclass(handler_class, BaseHandler)
        arguments = getattr(self._handler, "handler_kwargs", {}) if known else {}
        path = [part or b"" for part in getattr(self._handler, "path_args", ())] if known else []
        try:
            asking = (handler_class if known else _AnyHandler)(self._application, self._request, **arguments)
            try:
                self._limit = await asking.longest_body_of(*path)
                if asking.principal is not None:
                    self._owner = asking.principal.called
            finally:
                asking.let_go()
        except HubError as error:
            return error
        self._left = self._limit
        return None

    def _admits(self, amount: int) -> bool:
        return self._application.connections.admits(self._key, self._owner, amount)

    def _too_long(self) -> TooLargeError:
        return TooLargeError(f"the body of the request is longer than {self._limit} bytes")

    async def _refuse(self, error: HubError) -> None:
        """Answer an error in the place of the handler."""
        self._dropping = True
        self._application.connections.dropped(self._key)
        self._handler.on_connection_close()
        self._connection.set_max_body_size(MAX_DROPPED)
        refusing = self._application.get_handler_delegate(self._request, RefusedBodyHandler, {"error": error})
        self._handler = refusing
        start_line = RequestStartLine(
            self._request.method or "", self._request.uri or "", self._request.version or ""
        )
        await _maybe(refusing.headers_received(start_line, self._request.headers))


async def _maybe(waited_for: Awaitable[None] | None) -> None:
    if waited_for is not None:
        await waited_for
