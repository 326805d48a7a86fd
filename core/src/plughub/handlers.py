"""Public names for pages and API calls.

::

    from plughub.handlers import PageHandler, needs_scope

    class Notices(PageHandler):
        @needs_scope()  # any authenticated user
        async def get(self):
            self.render_page("notices.html", name=self.who.name)

A handler that inherits from one of these classes authenticates the request, refuses forged cross-site
requests, and shows errors like the hub: raise one of the errors of this module. Attributes that are not
documented here may change with any release.
"""

from __future__ import annotations

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError
from plughub.domain.scopes import Access, ScopeFilter, check_scopes
from plughub.domain.users import User
from plughub.kinds import Visitor
from plughub.markers import NEEDS_TOKEN
from plughub.services.tokens.principals import Principal
from plughub.web.api.base import APIHandler as _APIHandler
from plughub.web.authorization import of_group, of_server, of_service, of_user
from plughub.web.authorization import requires as needs_scope
from plughub.web.base import BaseHandler as _BaseHandler
from plughub.web.pages.base import PageHandler as _PageHandler

__all__ = [
    "APIHandler",
    "BaseHandler",
    "ConflictError",
    "ForbiddenError",
    "InvalidError",
    "NotFoundError",
    "PageHandler",
    "UnavailableError",
    "Visitor",
    "needs_scope",
    "of_group",
    "of_server",
    "of_service",
    "of_user",
]


class _Visited(_BaseHandler):
    """Access to the principal of a request.

    A class with a method that `plughub.utils.token_authenticated` guards accepts tokens, pages included.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if any(hasattr(value, NEEDS_TOKEN) for value in vars(cls).values()):
            cls.accepts_token = True

    def get_current_user_token(self) -> Visitor | None:
        """Return the principal of the request if a token authenticated it; None otherwise."""
        return self.who if self.principal is not None and self.principal.by_token else None

    @property
    def who(self) -> Visitor | None:
        """Principal of the request; None without a login or token."""
        return None if self.principal is None else _visitor(self.principal)

    def may(self, scope: str, *, user: str = "", server: str | None = None) -> bool:
        """Return whether the principal of the request holds a scope.

        Args:
            scope: name of the scope without a filter; custom scopes are supported.
            user: the user that the scope must apply to; empty for all users.
            server: the server of that user that the scope must apply to; None for the user.

        Returns:
            True if the scope is held. Scopes for the members of a group count in `needs_scope` only.
        """
        if self.principal is None:
            return False
        about = None
        if user:
            about = ScopeFilter.user(user) if server is None else ScopeFilter.server(user, server)
        return check_scopes(self.principal.scopes, (scope,), about) is Access.ALLOWED


class PageHandler(_Visited, _PageHandler):
    """Base class of pages for browsers. Users who are not logged in are sent to the login page and back.

    ``render_page(template, **variables)`` answers with a template, and ``hub_path(*pieces)`` returns the path
    of a page of the hub. A form needs the hidden field ``_xsrf`` with the variable ``xsrf``. The coroutine
    ``longest_body(name="", server="")`` gets the first parts of the path and returns how many bytes a
    logged-in user may send: 1 MiB unless a page overrides it.
    """


class APIHandler(_Visited, _APIHandler):
    """Base class of API calls in JSON, authenticated with a token or the login cookie of a page of the hub.

    ``json_body()`` reads the body, ``answer(model, status)`` sends the answer. The path must begin with
    ``/api/``.
    """


BaseHandler = PageHandler
"""Name of the base class in plugins written for JupyterHub."""


def _visitor(principal: Principal) -> Visitor:
    owner = principal.owner
    return Visitor(
        name=owner.name,
        kind="user" if isinstance(owner, User) else "service",
        admin=owner.admin,
        groups=owner.groups if isinstance(owner, User) else (),
        scopes=principal.scopes,
    )
