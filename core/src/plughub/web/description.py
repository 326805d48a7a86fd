"""Descriptions of API calls, declared at the handlers; body checks and the OpenAPI document use them.

::

    class GroupsHandler(APIHandler):
        @call(success=(201,), errors=(409,), body={"groups": TEXTS})
        @requires("admin:groups")
        async def post(self) -> None:
            body = self.checked_body("group")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar

from plughub.web.bodies import NUMBER, OBJECT, TEXT

Method = TypeVar("Method", bound=Callable[..., Any])

PAGE: Final = {"offset": NUMBER, "limit": NUMBER}
"""Query parameters of a paginated list."""
STOPPED: Final = {"include_stopped_servers": TEXT}
SERVER: Final = {"display_name": TEXT, "user_options": OBJECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Parameters and responses of a handler method.

    Attributes:
        success: statuses of success.
        errors: statuses of failure beyond those of all calls; see `error_statuses`.
        query: types of the query parameters by name.
        body: types of the body's values by key; None when the call takes no body.
        open: the call needs no login.
    """

    success: tuple[int, ...] = (200,)
    errors: tuple[int, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    open: bool = False

    @property
    def error_statuses(self) -> frozenset[int]:
        """Return all statuses of failure, including those that any call may return."""
        everywhere = {HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
        closed = set() if self.open else {HTTPStatus.FORBIDDEN}
        long = set() if self.body is None else {HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
        return frozenset(map(int, {*self.errors, *everywhere, *closed, *long}))


def call(
    *,
    success: tuple[int, ...] = (200,),
    errors: tuple[int, ...] = (),
    query: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
    open: bool = False,  # noqa: A002 - as in `Description`
) -> Callable[[Method], Method]:
    """Describe a handler method; the decorator goes above the one that checks scopes. See `Description`."""
    description = Description(success=success, errors=errors, query=query or {}, body=body, open=open)

    def decorate(method: Method) -> Method:
        method.description = description  # type: ignore[attr-defined]
        return method

    return decorate


def description_of(method: Callable[..., Any]) -> Description:
    """Return the description of a handler method; raise AttributeError when it has none."""
    found: Description = method.description  # type: ignore[attr-defined]
    return found
