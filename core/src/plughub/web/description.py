"""What a call of the API takes and answers, said once: at its handler, for the check of its body and OpenAPI.

::

    class GroupsHandler(APIHandler):
        @call(good=(201,), bad=(409,), body={"groups": TEXTS})
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
"""Query of a list in pages."""
STOPPED: Final = {"include_stopped_servers": TEXT}
SERVER: Final = {"display_name": TEXT, "user_options": OBJECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a method of a handler takes and answers.

    Attributes:
        good: statuses when it is done.
        bad: statuses when it is not, besides those of all calls: see `failures`.
        query: kinds of the arguments of the query by name.
        body: kinds of the values of the body by key; None when it takes no body.
        open: it answers without a login.
    """

    good: tuple[int, ...] = (200,)
    bad: tuple[int, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    open: bool = False

    @property
    def failures(self) -> frozenset[int]:
        """Statuses when it is not done, also for what is wrong with any call, or with the hub."""
        everywhere = {HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
        closed = set() if self.open else {HTTPStatus.FORBIDDEN}
        long = set() if self.body is None else {HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
        return frozenset(map(int, {*self.bad, *everywhere, *closed, *long}))


def call(
    *,
    good: tuple[int, ...] = (200,),
    bad: tuple[int, ...] = (),
    query: Mapping[str, str] | None = None,
    body: Mapping[str, str] | None = None,
    open: bool = False,  # noqa: A002 - the word of `Description`
) -> Callable[[Method], Method]:
    """Describe a method of a handler.

    Args:
        good: see `Description`.
        bad: likewise.
        query: likewise.
        body: likewise.
        open: likewise.

    Returns:
        The decorator; it goes above the one that checks scopes.
    """
    description = Description(good=good, bad=bad, query=query or {}, body=body, open=open)

    def decorate(method: Method) -> Method:
        method.description = description  # type: ignore[attr-defined]
        return method

    return decorate


def description_of(method: Callable[..., Any]) -> Description:
    """Return how a method of a handler is described.

    Args:
        method: of a handler.

    Returns:
        The description.

    Raises:
        AttributeError: it has none.
    """
    found: Description = method.description  # type: ignore[attr-defined]
    return found
