"""Request of a login in progress, for the authenticator that another loop runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final


@dataclass(slots=True)
class PendingLogin:
    """Login that a page has begun.

    Attributes:
        handler: handler of the page.
        data: what the page passes to ``authenticate``.
        name: username; empty until the login is complete.
        error: what ``authenticate`` raised.
    """

    handler: Any
    data: Any
    name: str = ""
    error: Exception | None = None


_pending: Final[ContextVar[PendingLogin | None]] = ContextVar("pending_login", default=None)


@contextmanager
def pending_login(handler: Any, data: Any) -> Iterator[PendingLogin]:
    """Make the request of a page known to the authenticator during the login."""
    login = PendingLogin(handler, data)
    token = _pending.set(login)
    try:
        yield login
    finally:
        _pending.reset(token)


def current_login() -> PendingLogin | None:
    """Return the login of a page that is in progress in this context; None for any other."""
    return _pending.get()
