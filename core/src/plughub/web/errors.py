"""HTTP statuses of errors, and the messages that a user reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from typing import Final

from tornado.web import HTTPError

from plughub.domain.errors import (
    ConflictError,
    ForbiddenError,
    HubError,
    InvalidError,
    NotFoundError,
    PluginTimeoutError,
    ReadOnlyError,
    SpawnFailedError,
    TooLargeError,
    TooManyError,
    UnauthorizedError,
    UnavailableError,
    UnconfirmedError,
)
from plughub.domain.words import _
from plughub.web.languages import known

STATUS: Final[Mapping[type[HubError], HTTPStatus]] = {
    InvalidError: HTTPStatus.BAD_REQUEST,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnauthorizedError: HTTPStatus.FORBIDDEN,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ReadOnlyError: HTTPStatus.METHOD_NOT_ALLOWED,
    ConflictError: HTTPStatus.CONFLICT,
    TooManyError: HTTPStatus.TOO_MANY_REQUESTS,
    SpawnFailedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    PluginTimeoutError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

HINTS: Final[Mapping[int, str]] = {
    403: _("If you should have access, ask an administrator of this hub."),
    404: _("Check the address for typing errors. The page may also have been deleted."),
    424: _("Start the server again. Your files are kept."),
    429: _("Wait a moment and try again."),
    500: _("Try again. If it happens again, tell an administrator of this hub what you did and when."),
    502: _("Try again in a moment. If the problem persists, tell an administrator of this hub."),
    503: _("Try again in a moment. If the problem persists, tell an administrator of this hub."),
    504: _("Try again in a moment. If the problem persists, tell an administrator of this hub."),
}

REASONS: Final = (
    _("Bad Request"), _("Forbidden"), _("Not Found"), _("Method Not Allowed"), _("Conflict"),
    _("Request Entity Too Large"), _("Failed Dependency"), _("Too Many Requests"), _("Internal Server Error"),
    _("Bad Gateway"), _("Service Unavailable"), _("Gateway Timeout"),
)  # fmt: skip
"""Reason phrases of statuses that error pages translate."""

DEFAULT_MESSAGES: Final[Mapping[int, str]] = {
    404: _("there is nothing at this address"),
    405: _("this cannot be done here"),
    500: _("something went wrong in the hub"),
    503: _("your server, or the hub, does not answer right now"),
}
"""Messages for errors that have none of their own."""


RETRYABLE_STATUSES: Final = frozenset({502, 503, 504})
"""Statuses of failures that may be temporary."""

_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """Response to a failed request.

    Attributes:
        status: HTTP status.
        message: what happened, written for users; never empty.
        details: more for administrators; empty for users.
        reference: id of the log entry with the details; empty for errors that are not logged with one.
        hint: what the user can do.
        html: trusted markup from a plugin in place of the message; empty for none.
        logs: last log lines of a server that failed to start.
        headers: additional headers.
        confirm_url: path of the page where the user can confirm their identity; empty when that would not
            help.
    """

    status: int
    message: str
    details: str = ""
    reference: str = ""
    hint: str = ""
    html: str = ""
    logs: tuple[str, ...] = ()
    headers: Mapping[str, str]
    confirm_url: str = ""

    @property
    def full_message(self) -> str:
        """Return message and details as one line, for programs."""
        return f"{self.message}: {self.details}" if self.details else self.message

    @property
    def reason(self) -> str:
        """Return the reason phrase of the status."""
        return responses.get(self.status, "Unknown")


def status_of(error: BaseException | None, fallback: int = 500) -> int:
    """Return the HTTP status of an error, or the fallback for errors that are not the hub's."""
    if isinstance(error, SpawnFailedError):
        return error.status
    if isinstance(error, HubError):
        kinds = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        return int(next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR))
    return error.status_code if isinstance(error, HTTPError) else fallback


def error_answer(error: BaseException | None, status: int, *, details: bool = False) -> ErrorAnswer:
    """Build the response to an error.

    Args:
        error: the error; internal details are left out unless `details` is set.
        status: HTTP status.
        details: include the details that are otherwise only logged; for administrators.
    """
    message, hint, html = "", "", ""
    logs: tuple[str, ...] = ()
    if isinstance(error, HubError):
        message, hint = error.message, error.hint
    elif isinstance(error, HTTPError):
        message = _message_of(error)
    if isinstance(error, SpawnFailedError):
        html, logs = error.html, error.logs
    message = message or DEFAULT_MESSAGES.get(status, "") or responses.get(status, "unknown error")
    return ErrorAnswer(
        status=status,
        message=known(message),
        details=error.detail if isinstance(error, HubError) and details else "",
        hint=known(hint or HINTS.get(status, "")),
        html=html,
        logs=logs,
        headers=_headers_of(error),
        confirm_url=error.confirm_url if isinstance(error, UnconfirmedError) else "",
    )


def asks_for_json(accept: str, path: str) -> bool:
    """Return whether a program, rather than a browser page, reads the response.

    Args:
        accept: the header ``Accept`` of the request.
        path: path of the request, or the part after a server's prefix.
    """
    return (_JSON in accept and "text/html" not in accept) or "api" in path.split("/")


def _message_of(error: HTTPError) -> str:
    if not error.log_message:
        return str(error.reason or "")
    try:
        return error.log_message % error.args if error.args else error.log_message
    except (TypeError, ValueError):
        return error.log_message


def _headers_of(error: BaseException | None) -> Mapping[str, str]:
    if isinstance(error, TooManyError | UnavailableError):
        return {"Retry-After": str(error.retry_after)}
    headers = getattr(error, "headers", None)
    return dict(headers) if isinstance(error, HTTPError) and headers else {}
