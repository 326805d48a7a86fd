"""What the author of a page, or of a call of the API, imports.

::

    from plughub.handlers import PageHandler, needs_scope

    class Notices(PageHandler):
        @needs_scope()  # whoever is logged in
        async def get(self):
            self.render_page("notices.html", name=self.who.name)

A handler that inherits from one of these knows who makes the request, refuses what another site made the
browser send, and answers errors as the hub does: raise one of the errors here. What other attributes the
classes have may change with any release.
"""

from __future__ import annotations

from plughub.domain.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, UnavailableError
from plughub.domain.scopes import Access, ScopeFilter, check_scopes
from plughub.domain.users import User
from plughub.kinds import Visitor
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
    """Tells who makes a request."""

    @property
    def who(self) -> Visitor | None:
        """Who makes the request; None for nobody."""
        return None if self.principal is None else _visitor(self.principal)

    def may(self, scope: str, *, user: str = "", server: str | None = None) -> bool:
        """Tell whether who makes the request holds a scope.

        Args:
            scope: its name, without a filter; custom scopes too.
            user: for this user; empty for everything.
            server: for this server of the user; None for the user as such.

        Returns:
            True when it is held. Scopes that are held for a group count by `needs_scope` only.
        """
        if self.principal is None:
            return False
        about = None
        if user:
            about = ScopeFilter.user(user) if server is None else ScopeFilter.server(user, server)
        return check_scopes(self.principal.scopes, (scope,), about) is Access.ALLOWED


class PageHandler(_Visited, _PageHandler):
    """A page for browsers. Who is not logged in is sent to the login page, and from there back.

    ``render_page(template, **variables)`` answers with a template, ``hub_path(*pieces)`` gives the path of
    a page of the hub. A form needs the hidden field ``_xsrf`` with the variable ``xsrf``. The coroutine
    ``longest_body(name="", server="")``, which gets the first parts of the path, tells how many bytes a
    signed-in user may send: 1 MiB, unless a page overrides it.
    """


class APIHandler(_Visited, _APIHandler):
    """A call of the API: JSON in and out, with a token or with the login cookie of a page of the hub.

    ``json_body()`` reads the body, ``answer(model, status)`` answers. Its path begins with ``/api/``.
    """


BaseHandler = PageHandler
"""The name that handlers of JupyterHub plugins inherit from."""


def _visitor(principal: Principal) -> Visitor:
    owner = principal.owner
    return Visitor(
        name=owner.name,
        kind="user" if isinstance(owner, User) else "service",
        admin=owner.admin,
        groups=owner.groups if isinstance(owner, User) else (),
        scopes=principal.scopes,
    )
