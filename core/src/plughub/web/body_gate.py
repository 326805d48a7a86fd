"""Admission of request bodies, decided from the headers before any of the body is read."""

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
from plughub.domain.timings import BODY_SECONDS
from plughub.domain.words import _
from plughub.web.base import ANONYMOUS_BODY_LIMIT, BaseHandler
from plughub.web.body_refusal import MAX_DROPPED, RefusedBodyHandler

if TYPE_CHECKING:
    from plughub.web.application import HubApplication

OVERLOADED: Final = _("the hub is reading too many requests at once, please try again")
MIN_BYTES_PER_SECOND: Final = 32 * 1024
"""Minimum rate expected of clients that may send long bodies; it extends the time limit of the body."""


class _AnyHandler(BaseHandler):
    """Handler that only authenticates requests for handlers that are not the hub's."""

    accepts_token = True


class BodyGate(HTTPMessageDelegate):
    """Gate in front of the handler of a request.

    A short body is read without authentication. Before a longer one is read, the request is authenticated and
    the handler states how much a signed-in user may send. The memory of all bodies in process is bounded as
    well. A body that exceeds a limit is received and dropped, up to `MAX_DROPPED`, so that the client can
    read the response.

    Args:
        application: the application.
        request: the request.
        handler: delegate that handles the request once its body is admitted.
    """

    def __init__(
        self, application: HubApplication, request: HTTPServerRequest, handler: HTTPMessageDelegate
    ) -> None:
        self._application = application
        self._request = request
        self._connection = cast("Any", request.connection)
        self._key = self._connection.context
        self._handler = handler
        self._remaining = ANONYMOUS_BODY_LIMIT
        self._limit = ANONYMOUS_BODY_LIMIT
        self._owner = f"address {request.remote_ip}"
        self._is_counted = False
        self._is_dropping = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Decide from the headers how much of the body is read."""
        announced = headers.get("Content-Length", "").partition(",")[0].strip()
        length = int(announced[:20]) if announced.isdecimal() else None
        if length is None and "Transfer-Encoding" in headers:
            # Without a length the body may turn out to be short; memory is counted chunk by chunk instead.
            return self._admit_unknown(start_line, headers)
        if length is None or length <= ANONYMOUS_BODY_LIMIT:
            if length and not self._count(length):
                return self._refuse(UnavailableError(OVERLOADED))
            self._is_counted = True
            self._connection.set_max_body_size(ANONYMOUS_BODY_LIMIT)
            return self._handler.headers_received(start_line, headers)
        return self._admit(start_line, headers, length)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass a chunk of the body to the handler, or drop it."""
        if self._is_dropping:
            return None
        self._remaining -= len(chunk)
        if self._remaining < 0:
            return self._refuse(self._too_long())
        if not self._is_counted and not self._count(len(chunk)):
            return self._refuse(UnavailableError(OVERLOADED))
        return self._handler.data_received(chunk)

    def finish(self) -> None:
        """Mark the request as complete and let the handler respond."""
        self._application.connections.mark_complete(self._key)
        self._handler.finish()

    def on_connection_close(self) -> None:
        """Notify the handler that the client has disconnected."""
        self._handler.on_connection_close()

    async def _admit(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders, length: int
    ) -> None:
        error = await self._find_limit()
        if error is None and length > self._limit:
            error = self._too_long()
        if error is None and not self._count(length):
            error = UnavailableError(OVERLOADED)
        if error is not None:
            await self._refuse(error)
            return
        self._is_counted = True
        self._connection.set_max_body_size(self._limit)
        self._connection.set_body_timeout(BODY_SECONDS + length / MIN_BYTES_PER_SECOND)
        await _await_if_needed(self._handler.headers_received(start_line, headers))

    async def _admit_unknown(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        error = await self._find_limit()
        if error is not None:
            await self._refuse(error)
            return
        self._connection.set_max_body_size(MAX_DROPPED + self._limit)
        await _await_if_needed(self._handler.headers_received(start_line, headers))

    async def _find_limit(self) -> HubError | None:
        """Authenticate the request and set its body limit; return the error that prevents this."""
        handler_class = getattr(self._handler, "handler_class", _AnyHandler)
        known = issubclass(handler_class, BaseHandler)
        arguments = getattr(self._handler, "handler_kwargs", {}) if known else {}
        path = [part or b"" for part in getattr(self._handler, "path_args", ())] if known else []
        try:
            handler = (handler_class if known else _AnyHandler)(self._application, self._request, **arguments)
            try:
                self._limit = await handler.body_limit_of(*path)
                if handler.principal is not None:
                    self._owner = handler.principal.qualified_name
            finally:
                handler.release()
        except HubError as error:
            return error
        self._remaining = self._limit
        return None

    def _count(self, amount: int) -> bool:
        return self._application.connections.admit(self._key, self._owner, amount)

    def _too_long(self) -> TooLargeError:
        return TooLargeError(f"the body of the request is longer than {self._limit} bytes")

    async def _refuse(self, error: HubError) -> None:
        """Replace the handler by one that responds with an error."""
        self._is_dropping = True
        self._application.connections.drop_body(self._key)
        self._handler.on_connection_close()
        self._connection.set_max_body_size(MAX_DROPPED)
        refusal = self._application.get_handler_delegate(self._request, RefusedBodyHandler, {"error": error})
        self._handler = refusal
        start_line = RequestStartLine(
            self._request.method or "", self._request.uri or "", self._request.version or ""
        )
        await _await_if_needed(refusal.headers_received(start_line, self._request.headers))


async def _await_if_needed(waited_for: Awaitable[None] | None) -> None:
    if waited_for is not None:
        await waited_for
