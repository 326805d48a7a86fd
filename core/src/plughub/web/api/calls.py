"""The calls of the API: each method of each handler, with its path and its description."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tornado.web import RequestHandler

from plughub.web.description import Description, description_of

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PART: Final = re.compile(r"\{(\w+)(\??)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """A method of a path.

    Attributes:
        method: of HTTP.
        path: below ``/hub/api``, with the names of its parts in braces.
        function: the method of the handler.
    """

    method: str
    path: str
    function: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def description(self) -> Description:
        """What it takes and answers."""
        return description_of(self.function)

    @property
    def good(self) -> tuple[int, ...]:
        """Statuses when it is done."""
        return self.description.good

    @property
    def failures(self) -> frozenset[int]:
        """Statuses when it is not done."""
        return self.description.failures

    @property
    def query(self) -> Mapping[str, str]:
        """Kinds of the arguments of the query by name."""
        return self.description.query

    @property
    def body(self) -> Mapping[str, str] | None:
        """Kinds of the values of the body by key; None when it takes no body."""
        return self.description.body

    @property
    def open(self) -> bool:
        """Whether it answers without a login."""
        return self.description.open

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes of which it needs one; empty when it needs none, or checks by itself."""
        return tuple(getattr(self.function, "scopes", ()))


def calls_of(routes: Iterable[tuple[str, type]]) -> tuple[Call, ...]:
    """List the calls of some routes.

    Args:
        routes: paths below ``/hub`` with the names of their parts in braces, and their handlers.

    Returns:
        The calls, in the order of the routes.
    """
    return tuple(
        Call(method, _PART.sub(r"{\1}", path.removeprefix("/api").removesuffix("?")) or "/", function)
        for path, handler in routes
        for method in METHODS
        for function in [getattr(handler, method.lower())]
        if function is not getattr(RequestHandler, method.lower())
    )


def pattern_of(path: str) -> str:
    """Return the regular expression of a path.

    Args:
        path: with names of parts in braces, ``{name?}`` for one that may be empty; ``/?`` at its end is an
            optional slash.

    Returns:
        The pattern, with a group for each part.
    """
    return _PART.sub(lambda part: r"([^/]*)" if part[2] else r"([^/]+)", path)
