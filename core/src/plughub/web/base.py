"""Base class of all handlers: authentication, XSRF protection and error responses."""

from __future__ import annotations

import json
import re
import secrets
import time
from asyncio import Future
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from tornado.web import HTTPError, RequestHandler

from plughub.domain.clock import utcnow
from plughub.domain.errors import (
    ForbiddenError,
    HubError,
    InvalidError,
    UnauthorizedError,
    UnconfirmedError,
)
from plughub.domain.events import Actor, EventKind
from plughub.domain.scopes import ScopeFilter
from plughub.domain.sessions import Client
from plughub.domain.users import User
from plughub.domain.words import _
from plughub.kinds.proxy import SERVERS_PORT_HEADER
from plughub.services.observability.log_rate_limit import unauthenticated_address
from plughub.services.tokens.principals import Principal
from plughub.web.cookies import CookieJar
from plughub.web.errors import ErrorAnswer, error_answer, status_of
from plughub.web.headers import HSTS, allowed_methods, tornado_headers
from plughub.web.protocol import SESSION_COOKIE
from plughub.web.request_cookies import cookie_values
from plughub.web.request_info import request_info
from plughub.web.xsrf import (
    anonymous_id,
    check_token,
    is_from_other_origin,
    is_navigation,
    make_token,
    needs_token,
    valid_tokens,
)

if TYPE_CHECKING:
    from plughub.kinds import RequestInfo
    from plughub.services.composition import HubServices
    from plughub.web.application import HubApplication
    from plughub.web.context import WebContext

_TOKEN: Final = re.compile(r"(?:token|bearer)\s+(\S+)\s*", re.IGNORECASE)
ANONYMOUS_BODY_LIMIT: Final = 32 * 1024
"""Bytes of a body that are read before the request is authenticated, on every path."""
MAX_BODY: Final = 1024 * 1024
"""Bytes that a signed-in user may send, unless the handler allows more."""
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SESSION_ID: Final = re.compile(r"[0-9A-Za-z_-]{8,64}")
MISSING_CREDENTIALS: Final = _("Missing or invalid credentials.")


class BaseHandler(RequestHandler):
    """Base class of all handlers.

    Attributes:
        accepts_token: whether tokens in the header ``Authorization`` authenticate the request.
        any_host: whether the handler also responds on the hosts of servers, where login cookies are ignored.
        guarded: methods that need an XSRF token when a login cookie authenticates the request.
        principal: the authenticated user or service; None without a login.
    """

    application: HubApplication
    accepts_token: ClassVar[bool] = False
    any_host: ClassVar[bool] = True
    guarded: ClassVar[frozenset[str]] = _CHANGING
    principal: Principal | None = None

    @property
    def context(self) -> WebContext:
        """Return the dependencies of the handlers."""
        return self.application.context

    @property
    def services(self) -> HubServices:
        """Return the services of the hub."""
        return self.application.context.services

    @cached_property
    def cookie_jar(self) -> CookieJar:
        """Return the cookies of this request and its response."""
        return CookieJar(self)

    @property
    def visitor(self) -> Principal:
        """Return the authenticated user or service.

        Raises:
            UnauthorizedError: the request has no valid login.
        """
        if self.principal is None:
            self.refuse_anonymous()
        return self.principal

    def refuse_anonymous(self) -> NoReturn:
        """Refuse a request without a login.

        Raises:
            UnauthorizedError: always.
        """
        raise UnauthorizedError(MISSING_CREDENTIALS, hint="Log in first.")

    @property
    def is_confirmed(self) -> bool:
        """Return whether the login is recent enough for sensitive actions.

        True also for tokens, and where the hub requires no confirmation.
        """
        seconds = self.services.settings.confirm_seconds
        session = self.principal.session if self.principal else None
        return not seconds or session is None or time.time() - session.authenticated_at <= seconds

    def require_confirmation(self) -> None:
        """Refuse the request unless the login is recent enough.

        Raises:
            UnconfirmedError: the user must confirm their identity first.
        """
        if not self.is_confirmed:
            self.ask_confirmation(f"{self.services.settings.hub_prefix}confirm")

    def ask_confirmation(self, page: str) -> NoReturn:
        """Ask the user to confirm their identity.

        Args:
            page: path of the confirmation page.

        Raises:
            UnconfirmedError: always.
        """
        raise UnconfirmedError(page)

    def get_current_user(self) -> User | None:
        """Return the logged-in user as tornado's ``current_user``, for handlers of plugins."""
        return self.principal.user if self.principal and self.principal.is_user else None

    async def find_user(self, name: str) -> User:
        """Return the user that a path names; no query is needed for the principal's own name.

        Args:
            name: normalized name.

        Returns:
            The user.

        Raises:
            NotFoundError: there is no such user.
        """
        if self.principal is not None and self.principal.is_user and self.principal.name == name:
            return self.principal.user
        return await self.services.users.get(name)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Decode a part of the path or an argument.

        Args:
            value: as sent.
            name: name of the argument.

        Returns:
            The text.

        Raises:
            InvalidError: the text contains a null character, which databases reject.
        """
        text: str = super().decode_argument(value, name)
        if "\0" in text:
            raise InvalidError("the address contains a null character")
        return text

    # ---- before the method

    async def prepare(self) -> None:
        """Authenticate the request and check its XSRF token."""
        self.principal = await self._identify()
        if self.principal is not None:
            unauthenticated_address.set(None)
        if self.request.method in self.guarded:
            self.check_xsrf()

    async def body_limit_of(self, *path: bytes) -> int:
        """Authenticate the request before its body is read, and return how much of it to read.

        Args:
            path: parts of the path.

        Returns:
            Bytes.
        """
        self.principal = await self._identify()
        if self.principal is None:
            return ANONYMOUS_BODY_LIMIT
        return await self.longest_body(*(self.decode_argument(part) for part in path[:2]))

    async def longest_body(self, name: str = "", server: str = "") -> int:  # noqa: ARG002 - for subclasses
        """Return how much a signed-in user may send to this handler.

        Args:
            name: first part of the path.
            server: second part of the path.

        Returns:
            Bytes.
        """
        return MAX_BODY

    async def _identify(self) -> Principal | None:
        if self.accepts_token:
            found = _TOKEN.fullmatch(self.request.headers.get("Authorization", ""))
            if found:
                return await self._principal_from_token(found[1])
        return (
            await self._principal_from_cookie()
            if self.is_at_hub and not self.is_from_foreign_origin
            else None
        )

    async def _principal_from_token(self, token: str) -> Principal | None:
        principal = await self.services.tokens.authenticate(token)
        if principal is not None and principal.token_key is not None:
            self.services.activity.record_token(principal.token_key)
        if principal is None or not principal.is_user:
            return principal
        is_valid = await self.services.refresher.refresh(
            principal.user, by_token=True, request=self.request_info
        )
        if is_valid and principal.by_person:
            self.services.activity.record_user(principal.user.id, utcnow())
        return principal if is_valid else None

    async def _principal_from_cookie(self) -> Principal | None:
        cookies = self.cookie_jar
        cookie = cookies.login()
        if cookies.is_ambiguous:
            self.application.log.warning(
                "ignoring the login cookies of a request from %s: it has more than one",
                self.request.remote_ip,
            )
        if cookie is None or not self.accepts_cookie():
            return None
        principal = await self.services.sessions.principal(cookie, self.client)
        if principal is None:
            return None
        if not await self.services.refresher.refresh(principal.user, request=self.request_info):
            return None
        if principal.session is not None:
            self.services.activity.record_session(principal.session)
            if cookie.outdated:
                cookies.log_in(cookie.key, principal.session)
            else:
                cookies.bind_session(principal.session)
        return principal

    @property
    def client(self) -> Client:
        """Return the browser that sent the request."""
        headers, address = self.request.headers, self.request.remote_ip or ""
        sent = self.get_cookie(SESSION_COOKIE) or ""
        session_id = sent if _SESSION_ID.fullmatch(sent) else ""
        return Client(agent=headers.get("User-Agent", ""), remote_ip=address, session_id=session_id)

    def request_info(self, *, form: bool = False) -> RequestInfo | None:
        """Return a copy of the request for authenticators; None if they must not see it.

        Args:
            form: include the submitted form.
        """
        return request_info(self, form=form)

    def accepts_cookie(self) -> bool:
        """Return whether a login cookie can authenticate this request."""
        return True

    # ---- origins

    @property
    def is_at_hub(self) -> bool:
        """Return whether the request was sent to the hub's own origin, not to that of a server or service."""
        if SERVERS_PORT_HEADER in self.request.headers:
            return False  # a forged header only makes the request anonymous
        return self.services.settings.origins.is_hub(self.request.host)

    @property
    def is_from_foreign_origin(self) -> bool:
        """Return whether a page of another origin sent the request, where servers have origins of their own.

        Following a link or a redirect does not count: that is how servers let users log in.
        """
        origins = self.services.settings.origins
        if origins.shared:
            return False
        return origins.is_foreign(self.request.headers.get("Origin", "")) or (
            is_from_other_origin(self.request) and not is_navigation(self.request)
        )

    # ---- XSRF

    def check_xsrf_cookie(self) -> None:
        """Do nothing: tornado calls this before the request is authenticated. See `check_xsrf`."""

    def check_xsrf(self) -> None:
        """Refuse a request that another site made the browser send.

        Raises:
            ForbiddenError: the token is missing or wrong.
        """
        by_token = self.principal is not None and self.principal.by_token
        if by_token or not needs_token(self.request):
            return
        if self.is_from_foreign_origin:
            raise ForbiddenError(
                f"the request came from a page of another origin: {self.request.headers.get('Origin', '')!r}"
            )
        sent = (
            self.get_argument("_xsrf", None)
            or self.request.headers.get("X-Xsrftoken")
            or self.request.headers.get("X-Csrftoken")
        )
        held = valid_tokens(self._xsrf_cookies, self.context.cookie_secret, self._xsrf_id)
        check_token(self.request, sent, held)

    @cached_property
    def xsrf_token(self) -> bytes:
        """Return the token that the hub's forms and scripts send back; only pages set its cookie."""
        token_id = self._xsrf_id
        held = valid_tokens(self._xsrf_cookies, self.context.cookie_secret, token_id)
        if held:
            return held[0]
        token = make_token(self.context.cookie_secret, token_id)
        if is_navigation(self.request):
            self.cookie_jar.set_xsrf(token, lasting=self.principal is not None)
        return token

    @property
    def _xsrf_cookies(self) -> list[str]:
        return cookie_values(self.request, self.cookie_jar.xsrf_name)

    @property
    def is_secure(self) -> bool:
        """Return whether browsers reach the hub over https, according to the settings or a trusted proxy."""
        return self.context.options.secure_cookies or self.request.protocol == "https"

    @property
    def _xsrf_id(self) -> bytes:
        """Return the id that a token is bound to: session and user, or session and browser before a login."""
        owner = self.principal.user.cookie_id if self.principal else anonymous_id(self.request)
        session: str | None = self.cookie_jar.session_id or None
        return f"{session}:{owner}".encode()

    @property
    def actor(self) -> Actor:
        """Return the principal with address and token, for events."""
        principal = self.principal
        name, token_id = (principal.qualified_name, principal.token_id) if principal is not None else ("", "")
        return Actor(name=name, remote_ip=self.request.remote_ip or "", token_id=token_id)

    def emit_event(
        self,
        what: EventKind | str,
        user: str,
        server: str | None = None,
        *,
        by: Actor | None = None,
        **facts: Any,
    ) -> None:
        """Report an action to plugins, with its actor.

        Args:
            what: the kind of event, or the name of an administrative action, such as ``delete-user``.
            user: the user concerned; empty for the hub as a whole.
            server: name of the server.
            by: the actor, if it is not the principal.
            facts: details.
        """
        kind = what if isinstance(what, EventKind) else EventKind.ADMIN
        if kind is EventKind.ADMIN:
            facts["deed"] = str(what)
        self.services.events.publish(kind, user, server, by=by or self.actor, **facts)

    # ---- responses

    def clear(self) -> None:
        """Begin the response again, without content and with the default headers.

        Tornado's own method formats the date each time.
        """
        self._headers = tornado_headers()
        self.set_default_headers()
        self._write_buffer = []
        self.set_status(200)

    def set_default_headers(self) -> None:
        """Set the headers of pages."""
        self.set_common_headers(self.application.page_headers)

    def set_common_headers(self, headers: Mapping[str, str]) -> None:
        """Set the headers of every response; over https this includes Strict-Transport-Security.

        Args:
            headers: additional headers by name; the administrator's settings take precedence.
        """
        seconds = self.context.options.hsts_seconds
        if seconds and self.is_secure:
            self.set_header(HSTS, f"max-age={seconds}")
        for name, value in headers.items():
            self.set_header(name, value)

    def options(self, *_arguments: str) -> None:
        """Respond with the headers alone."""
        self.clear_header("Content-Type")

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """Send the response, clearing login cookies that are not accepted."""
        self.cookie_jar.finish()
        return super().finish(chunk)

    def on_finish(self) -> None:
        """Release the request after the response."""
        self.release()
        super().on_finish()

    def release(self) -> None:
        """Break reference cycles, so that bodies are freed at once and not by the garbage collector."""
        self.__dict__.pop("cookie_jar", None)
        self.ui = None  # type: ignore[assignment] # as tornado does after a response

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Respond with the status that belongs to an error."""
        error = kwargs.get("exc_info", (None, None))[1]
        super().send_error(status_of(error, status_code), **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Respond with an error, never with a traceback."""
        error = kwargs.get("exc_info", (None, None))[1]
        answer = error_answer(error, status_code, details=self.may_see_details())
        if "reference" in self.__dict__:
            answer = replace(answer, reference=self.reference)
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", allowed_methods(self))
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish_error(answer)

    def may_see_details(self, resource: ScopeFilter | None = None, groups: Collection[str] = ()) -> bool:
        """Return whether the principal may see paths, settings and exception texts, like the state of
        servers.

        Args:
            resource: the server concerned; None for the hub as a whole.
            groups: groups of the server's user.
        """
        principal = self.principal
        return principal is not None and principal.may("admin:server_state", resource=resource, groups=groups)

    def finish_error(self, answer: ErrorAnswer) -> None:
        """Send the response to an error.

        Args:
            answer: status, message and headers.
        """
        self.cookie_jar.drop_new()
        self.set_header("Content-Type", "application/json")
        reference = {"reference": answer.reference} if answer.reference else {}
        self.finish(json.dumps({"status": answer.status, "message": answer.full_message, **reference}))

    @cached_property
    def reference(self) -> str:
        """Return the id that joins the response to a failed request and the entry in the log."""
        return secrets.token_hex(4)

    def _request_summary(self) -> str:
        return f"{self.application.describe(self.request)} ({self.request.remote_ip})"

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log unexpected errors with a traceback and all others in one line."""
        if isinstance(value, HubError):
            if status_of(value) >= 500:  # noqa: PLR2004 - server errors
                request = self.application.describe(self.request)
                self.application.log.error("%s (%s): %s", request, self.reference, value)
            return
        if not isinstance(value, HTTPError):
            self.application.log.error("%s failed (%s)", self._request_summary(), self.reference)
        log: Callable[..., None] = super().log_exception
        log(typ, value, tb)
