"""API calls: each handler method with its path and description."""

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
        method: HTTP method.
        path: path below ``/hub/api``, with the names of its parameters in braces.
        function: method of the handler.
    """

    method: str
    path: str
    function: Callable[..., Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def description(self) -> Description:
        """Return the description of the call."""
        return description_of(self.function)

    @property
    def success(self) -> tuple[int, ...]:
        """Return the statuses of success."""
        return self.description.success

    @property
    def error_statuses(self) -> frozenset[int]:
        """Return the statuses of failure."""
        return self.description.error_statuses

    @property
    def query(self) -> Mapping[str, str]:
        """Return the types of the query parameters by name."""
        return self.description.query

    @property
    def body(self) -> Mapping[str, str] | None:
        """Return the types of the body's values by key; None if the call takes no body."""
        return self.description.body

    @property
    def open(self) -> bool:
        """Return whether the call needs no login."""
        return self.description.open

    @property
    def scopes(self) -> tuple[str, ...]:
        """Return the scopes of which one is needed; empty if none is, or if the handler checks by itself."""
        return tuple(getattr(self.function, "scopes", ()))


def calls_of(routes: Iterable[tuple[str, type]]) -> tuple[Call, ...]:
    """Return the calls of routes: paths below ``/hub`` with parameters in braces, and their handlers."""
    return tuple(
        Call(method, _PART.sub(r"{\1}", path.removeprefix("/api").removesuffix("?")) or "/", function)
        for path, handler in routes
        for method in METHODS
        for function in [getattr(handler, method.lower())]
        if function is not getattr(RequestHandler, method.lower())
    )


def pattern_of(path: str) -> str:
    """Return the regular expression of a path, with a group for each parameter.

    Args:
        path: with parameters in braces, ``{name?}`` for one that may be empty; a final ``/?`` is an optional
            slash.
    """
    return _PART.sub(lambda part: r"([^/]*)" if part[2] else r"([^/]+)", path)
