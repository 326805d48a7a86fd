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

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from tornado.web import Finish

from plughub.domain.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    TooManyError,
    UnavailableError,
)
from plughub.domain.scopes import Access, ScopeFilter, check_scopes
from plughub.domain.users import User
from plughub.kinds import Identity, Visitor
from plughub.markers import NEEDS_TOKEN
from plughub.services.tokens.principals import Principal
from plughub.services.users.login import Session
from plughub.web.api.base import APIHandler as _APIHandler
from plughub.web.authorization import of_group, of_server, of_service, of_user
from plughub.web.authorization import requires as needs_scope
from plughub.web.base import BaseHandler as _BaseHandler
from plughub.web.pages.base import PageHandler as _PageHandler
from plughub.web.pages.login import LoginHandler as _LoginHandler
from plughub.web.pages.sessions import (
    begin_session,
    end_session,
    log_in_with_fields,
    requested_session,
)
from plughub.web.template_user import TemplateUser
from plughub.web.xsrf import is_from_hub_page, is_from_other_origin

__all__ = [
    "APIHandler",
    "BaseHandler",
    "ConflictError",
    "ForbiddenError",
    "InvalidError",
    "LoginPage",
    "NotFoundError",
    "PageHandler",
    "TemplateUser",
    "TooManyError",
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

    Attributes:
        plugin: name of the plugin that registered the page or API call; set by the core.
    """

    plugin: ClassVar[str] = ""

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
    logged-in user may send: 1 MiB unless a page overrides it. A page to which other sites post forms sets
    ``guarded = frozenset()`` and verifies each request itself, for example by a signature.
    """

    new_user: User | None = None
    """User whom this request has logged in."""

    async def log_in(self, identity: Identity, next_url: str = "") -> str:
        """Log in this browser as a user whom the plugin has authenticated on its own pages.

        The login is the same as with the hub's form: other plugins may veto it, `hub_complete_login` and
        `hub_add_user` of this plugin are called, an event is published, and the cookies are set. The caller
        must know that this browser began the login, for example by a random ``state`` in a cookie. Otherwise
        a link could log a user in to the account of another.

        Args:
            identity: the user. The name of the plugin is set by the hub.
            next_url: address to continue to, which must belong to this hub; empty for the argument ``next``
                of the request, or the default.

        Returns:
            The address to continue to, for ``self.redirect``.

        Raises:
            ForbiddenError: the login is refused, or the plugin is not an authenticator; the message is for
                the user.
        """
        self._check_plugin()
        with self.context.metrics.time_login():
            session = await self.services.logins.accept(
                replace(identity, plugin=self.plugin),
                remote_ip=self.client.remote_ip,
                request=self.request_info(),
                wanted=requested_session(self),
            )
        return await self._begin(session, next_url)

    async def log_in_with_form(
        self, username: str, password: str, form: Mapping[str, str] | None = None, next_url: str = ""
    ) -> str:
        """Log in this browser with a form of the plugin, which `hub_authenticate` of this plugin checks.

        Attempts are counted and delayed like those with the hub's form.

        Args:
            username: name as typed.
            password: password as typed.
            form: the other fields.
            next_url: as for `log_in`.

        Returns:
            The address to continue to, for ``self.redirect``.

        Raises:
            ForbiddenError: the login is refused, or the plugin is not an authenticator; the message is for
                the user.
            TooManyError: too many attempts; the message is for the user.
            UnavailableError: the plugin is temporarily unavailable.
        """
        self._check_plugin()
        with self.context.metrics.time_login():
            session = await log_in_with_fields(self, username, password, form, plugin=self.plugin)
        return await self._begin(session, next_url)

    async def log_out(self) -> None:
        """Log out this browser: end the session and clear the cookies.

        A request that no page of the hub made is redirected to the hub's logout page, which asks the user.
        """
        if self.principal is not None and not is_from_hub_page(self.request):
            self.redirect(self.hub_path("logout"))
            raise Finish
        await end_session(self)

    @property
    def is_from_elsewhere(self) -> bool:
        """Return whether a page of another site or origin led the browser here.

        False also if the browser does not report it: over plain http, pages can hide that they are the
        origin of a link.
        """
        sent = self.request.headers
        is_referred = "Sec-Fetch-Site" not in sent and "Referer" in sent
        return is_from_other_origin(self.request) or (is_referred and not is_from_hub_page(self.request))

    def is_own(self, parameter: str) -> bool:  # noqa: ARG002 - no parameter is passed on
        """Return True: parameters of the page belong to the plugin and are not passed on after a login."""
        return True

    async def _begin(self, session: Session, next_url: str) -> str:
        self.new_user = session.user
        return await begin_session(self, session, self.as_next_url(next_url))

    def _check_plugin(self) -> None:
        """Refuse logins by pages of other plugins than active authenticators."""
        if self.plugin not in self.services.hooks.caller.plugins.owners("authenticator"):
            self.application.log.error(
                "plugin %r cannot log users in: it must implement hub_login_method or hub_authenticate, "
                "and no class of the config file may replace it",
                self.plugin,
            )
            raise ForbiddenError("This page cannot log you in.")


class LoginPage(PageHandler, _LoginHandler):
    """Base class of login pages that resemble the hub's: ``get`` shows a form, and ``post`` logs in with it.

    An expired form of the hub is accepted. Override ``show(username="", error="")``, which shows the form,
    also with the error of ``post``. A ``get`` of the page's own calls ``renew_form()`` first.
    """

    async def check_form(self, username: str, password: str, form: Mapping[str, str]) -> Session:
        """Log in with the fields of the form, which `hub_authenticate` of this plugin checks."""
        self._check_plugin()
        return await log_in_with_fields(self, username, password, form, plugin=self.plugin)

    async def finish_login(self, session: Session) -> str:
        """Set the cookies of a new session and return the address to continue to."""
        return await self._begin(session, "")


class APIHandler(_Visited, _APIHandler):
    """Base class of API calls in JSON, authenticated with a token or the login cookie of a page of the hub.

    ``json_body()`` reads the body, ``answer(model, status)`` sends the answer. The path must begin with
    ``/api/``.
    """

    async def post_to_spawner(self, values: Mapping[str, Any]) -> None:
        """Pass values from a server that is being launched to its spawner; see `hub_receive`.

        The request must be authenticated by the server's own token.

        Args:
            values: JSON-able values by name, of at most 4 KiB.

        Raises:
            UnauthorizedError: the request is not authenticated.
            ConflictError: its token is not that of a server which is being launched.
            InvalidError: the values are too large.
        """
        await self.services.posted_values.post(self.visitor, values)


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
