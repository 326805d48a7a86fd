"""One map from errors to HTTP statuses, and what a person is told."""

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
    403: "If you think that you should be allowed, ask an administrator of this hub.",
    404: "The address may be mistyped, or what it names was deleted.",
    424: "Start the server again; your files are kept where they were.",
    429: "Wait a little and try again.",
    500: "Try again. If it happens again, tell an administrator of this hub what you did and when.",
    502: "Try again in a moment. If it goes on, tell an administrator of this hub.",
    503: "Try again in a moment. If it goes on, tell an administrator of this hub.",
    504: "Try again in a moment. If it goes on, tell an administrator of this hub.",
}

SPEAKING: Final[Mapping[int, str]] = {
    404: "there is nothing at this address",
    405: "this cannot be done here",
    500: "something went wrong in the hub",
    503: "your server, or the hub, does not answer right now",
}
"""What to say when an error itself says nothing."""


RETRIED: Final = frozenset({502, 503, 504})
"""What may be over in a moment."""

RETRY_SECONDS: Final = 5
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """What is answered to an error.

    Attributes:
        status: HTTP status.
        message: what happened, for a person; never empty.
        hint: what to do about it.
        html: the message with markup that a plugin vouches for; empty for none.
        logs: last lines of a server that did not start.
        headers: further headers.
        confirm_url: path of the page where the user can confirm who they are; empty when that would not help.
    """

    status: int
    message: str
    hint: str = ""
    html: str = ""
    logs: tuple[str, ...] = ()
    headers: Mapping[str, str]
    confirm_url: str = ""

    @property
    def reason(self) -> str:
        """The status in words."""
        return responses.get(self.status, "Unknown")


def status_of(error: BaseException | None, fallback: int = 500) -> int:
    """Give the HTTP status of an error.

    Args:
        error: the error.
        fallback: for errors that are not the hub's.

    Returns:
        The status.
    """
    if isinstance(error, SpawnFailedError):
        return error.status
    if isinstance(error, HubError):
        kinds = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        return int(next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR))
    return error.status_code if isinstance(error, HTTPError) else fallback


def answer_to(error: BaseException | None, status: int, *, details: bool = False) -> ErrorAnswer:
    """Say what is answered to an error.

    Args:
        error: the error; what is not meant for a person is not shown.
        status: HTTP status.
        details: whether the reader is an administrator, who reads what is in the log besides.

    Returns:
        The answer.
    """
    message, hint, html = "", "", ""
    logs: tuple[str, ...] = ()
    if isinstance(error, HubError):
        message, hint = str(error) if details else error.message, error.hint
    elif isinstance(error, HTTPError):
        message = _message_of(error)
    if isinstance(error, SpawnFailedError):
        html, logs = error.html, error.logs
    return ErrorAnswer(
        status=status,
        message=message or SPEAKING.get(status, "") or responses.get(status, "unknown error"),
        hint=hint or HINTS.get(status, ""),
        html=html,
        logs=logs,
        headers=_headers_of(error),
        confirm_url=error.confirm_url if isinstance(error, UnconfirmedError) else "",
    )


def asks_for_json(accept: str, path: str) -> bool:
    """Tell whether a program reads the answer, and no person.

    Args:
        accept: header of the request.
        path: of the request, or what follows the prefix of a server.
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
