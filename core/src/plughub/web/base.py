"""What all handlers share: who makes the request, whether it may, and what an error looks like."""

from __future__ import annotations

import re
import time
from asyncio import Future
from collections.abc import Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from tornado.web import RequestHandler

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
from plughub.kinds.proxy import SERVERS_PORT_HEADER
from plughub.services.observability.log_rate_limit import stranger
from plughub.services.tokens.principals import Principal
from plughub.web.cookies import CookieJar
from plughub.web.errors import ErrorAnswer, answer_to, status_of
from plughub.web.headers import HSTS, allowed_methods
from plughub.web.protocol import SESSION_COOKIE
from plughub.web.request_cookies import values_of
from plughub.web.xsrf import (
    anonymous_id,
    check_token,
    is_from_elsewhere,
    is_navigation,
    make_token,
    needs_token,
    tokens_in_cookies,
)

if TYPE_CHECKING:
    from plughub.services.composition import HubServices
    from plughub.web.application import HubApplication
    from plughub.web.context import WebContext

_TOKEN: Final = re.compile(r"(?:token|bearer)\s+(\S+)\s*", re.IGNORECASE)
STRANGER_BODY: Final = 32 * 1024
"""Bytes that are read of a request before it is known who makes it, on every path."""
MAX_BODY: Final = 1024 * 1024
"""Bytes that a signed-in user may send, unless the handler takes more."""
_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SESSION_ID: Final = re.compile(r"[0-9A-Za-z_-]{8,64}")
MISSING_CREDENTIALS: Final = "Missing or invalid credentials."


class BaseHandler(RequestHandler):
    """What all handlers share.

    Attributes:
        accepts_token: an ``Authorization`` header tells who makes the request.
        any_host: it answers on the hosts of servers too, where no login cookie counts.
        guarded: methods that need a XSRF token when a login cookie tells who makes the request.
        principal: who makes the request; None for nobody.
    """

    application: HubApplication
    accepts_token: ClassVar[bool] = False
    any_host: ClassVar[bool] = True
    guarded: ClassVar[frozenset[str]] = _CHANGING
    principal: Principal | None = None

    @property
    def context(self) -> WebContext:
        """Everything that handlers work with."""
        return self.application.context

    @property
    def services(self) -> HubServices:
        """The services of the hub."""
        return self.application.context.services

    @cached_property
    def cookies_of_hub(self) -> CookieJar:
        """The cookies of this request and its answer."""
        return CookieJar(self)

    @property
    def visitor(self) -> Principal:
        """Who makes the request.

        Raises:
            UnauthorizedError: nobody is logged in.
        """
        if self.principal is None:
            self.refuse_stranger()
        return self.principal

    def refuse_stranger(self) -> NoReturn:
        """Refuse a request of nobody.

        Raises:
            UnauthorizedError: always.
        """
        raise UnauthorizedError(MISSING_CREDENTIALS, hint="Log in first.")

    @property
    def is_confirmed(self) -> bool:
        """Whether the user proved lately who they are, or need not: with a token, or where nobody has to."""
        seconds = self.services.settings.confirm_seconds
        session = self.principal.session if self.principal else None
        return not seconds or session is None or time.time() - session.authenticated_at <= seconds

    def require_confirmation(self) -> None:
        """Refuse a request whose login is too old for what it does.

        Raises:
            UnconfirmedError: the user has to prove again who they are.
        """
        if not self.is_confirmed:
            self.ask_confirmation(f"{self.services.settings.hub_prefix}confirm")

    def ask_confirmation(self, page: str) -> NoReturn:
        """Ask the user to prove again who they are.

        Args:
            page: path of the page where they can.

        Raises:
            UnconfirmedError: always.
        """
        raise UnconfirmedError(page)

    def get_current_user(self) -> User | None:
        """Tell handlers of plugins who is there, in tornado's own way."""
        return self.principal.user if self.principal and self.principal.is_user else None

    async def find_user(self, name: str) -> User:
        """Find the user that a path names; the one who asks is not looked up again.

        Args:
            name: normalised name.

        Returns:
            The user.

        Raises:
            NotFoundError: there is no such user.
        """
        if self.principal is not None and self.principal.is_user and self.principal.name == name:
            return self.principal.user
        return await self.services.users.get(name)

    def decode_argument(self, value: bytes, name: str | None = None) -> str:
        """Read a part of the path or an argument.

        Args:
            value: as sent.
            name: of the argument.

        Returns:
            The text.

        Raises:
            InvalidError: it has a null character, which no database takes.
        """
        text: str = super().decode_argument(value, name)
        if "\0" in text:
            raise InvalidError("the address has a null character in it")
        return text

    # ---- before the method

    async def prepare(self) -> None:
        """Find out who makes the request, and refuse what another site made the browser send."""
        self.principal = await self._identify()
        if self.principal is not None:
            stranger.set(None)
        if self.request.method in self.guarded:
            self.check_xsrf()

    async def longest_body_of(self, *path: bytes) -> int:
        """Find out who makes the request, and how much of its body is read. Nothing of it was read yet.

        Args:
            path: parts of the path.

        Returns:
            Bytes.
        """
        self.principal = await self._identify()
        if self.principal is None:
            return STRANGER_BODY
        return await self.longest_body(*(self.decode_argument(part) for part in path[:2]))

    async def longest_body(self, name: str = "", server: str = "") -> int:  # noqa: ARG002 - for subclasses
        """Tell how much a signed-in user may send to this handler.

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
                return await self._by_token(found[1])
        return await self._by_cookie() if self.is_at_hub and not self.is_from_server else None

    async def _by_token(self, token: str) -> Principal | None:
        principal = await self.services.tokens.by_token(token)
        if principal is not None and principal.token_key is not None:
            self.services.activity.token(principal.token_key)
        if principal is None or not principal.is_user:
            return principal
        good = await self.services.refresher.refresh(principal.user, by_token=True)
        if good and principal.by_person:
            self.services.activity.user(principal.user.id, utcnow())
        return principal if good else None

    async def _by_cookie(self) -> Principal | None:
        cookies = self.cookies_of_hub
        cookie = cookies.login()
        if cookies.tossed:
            self.application.log.warning(
                "several login cookies in one request from %s: none counts", self.request.remote_ip
            )
        if cookie is None or not self.trusts_cookie():
            return None
        principal = await self.services.sessions.principal(cookie, self.client)
        if principal is None or not await self.services.refresher.refresh(principal.user):
            return None
        if principal.session is not None:
            self.services.activity.session(principal.session)
            if cookie.outdated:
                cookies.log_in(cookie.key, principal.session)
            else:
                cookies.belong_to(principal.session)
        return principal

    @property
    def client(self) -> Client:
        """The browser that sent the request."""
        headers, address = self.request.headers, self.request.remote_ip or ""
        sent = self.get_cookie(SESSION_COOKIE) or ""
        session_id = sent if _SESSION_ID.fullmatch(sent) else ""
        return Client(agent=headers.get("User-Agent", ""), remote_ip=address, session_id=session_id)

    def trusts_cookie(self) -> bool:
        """Tell whether a login cookie counts for this request."""
        return True

    # ---- origins

    @property
    def is_at_hub(self) -> bool:
        """Whether the request was sent to the hub's own origin, not to that of a server or service."""
        if SERVERS_PORT_HEADER in self.request.headers:
            return False  # whoever sends it without a proxy only does without a login
        return self.services.settings.origins.is_hub(self.request.host)

    @property
    def is_from_server(self) -> bool:
        """Whether a page of another origin sent it, where servers have origins of their own.

        A browser that only follows a link or a redirect is no page: that is how servers let users log in.
        """
        origins = self.services.settings.origins
        if origins.shared:
            return False
        return origins.is_foreign(self.request.headers.get("Origin", "")) or (
            is_from_elsewhere(self.request) and not is_navigation(self.request)
        )

    # ---- XSRF

    def check_xsrf_cookie(self) -> None:
        """Do nothing yet: tornado asks before it is known who makes the request. See `check_xsrf`."""

    def check_xsrf(self) -> None:
        """Refuse what another site made the browser send.

        Raises:
            ForbiddenError: the token is missing or wrong.
        """
        by_token = self.principal is not None and self.principal.by_token
        if by_token or not needs_token(self.request):
            return
        if self.is_from_server:
            raise ForbiddenError(
                f"a page of another origin sent this: {self.request.headers.get('Origin', '')!r}"
            )
        sent = (
            self.get_argument("_xsrf", None)
            or self.request.headers.get("X-Xsrftoken")
            or self.request.headers.get("X-Csrftoken")
        )
        held = tokens_in_cookies(self._xsrf_cookies, self.context.cookie_secret, self._xsrf_id)
        check_token(self.request, sent, held)

    @cached_property
    def xsrf_token(self) -> bytes:
        """The token that forms and scripts of our pages send back. Its cookie is set for pages only."""
        token_id = self._xsrf_id
        held = tokens_in_cookies(self._xsrf_cookies, self.context.cookie_secret, token_id)
        if held:
            return held[0]
        token = make_token(self.context.cookie_secret, token_id)
        if is_navigation(self.request):
            self.cookies_of_hub.set_xsrf(token, lasting=self.principal is not None)
        return token

    @property
    def _xsrf_cookies(self) -> list[str]:
        return values_of(self.request, self.cookies_of_hub.xsrf_name)

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the hub by https, as far as the configuration or a trusted proxy tells."""
        return self.context.options.secure_cookies or self.request.protocol == "https"

    @property
    def _xsrf_id(self) -> bytes:
        """What a token is bound to: session and user, or session and browser while nobody is logged in."""
        whose = self.principal.user.cookie_id if self.principal else anonymous_id(self.request)
        session: str | None = self.cookies_of_hub.session_id or None
        return f"{session}:{whose}".encode()

    @property
    def by(self) -> Actor:
        """Who makes the request, from where and with which token."""
        who = self.principal
        name, token_id = (who.called, who.token_id) if who is not None else ("", "")
        return Actor(name=name, remote_ip=self.request.remote_ip or "", token_id=token_id)

    def tell(
        self,
        what: EventKind | str,
        user: str,
        server: str | None = None,
        *,
        by: Actor | None = None,
        **facts: Any,
    ) -> None:
        """Tell plugins what was done, by whom, from where and with which token.

        Args:
            what: the kind, or the deed of an admin, such as ``delete-user``.
            user: to whom; empty for the hub as a whole.
            server: name of the server.
            by: who did it, when it is not who makes the request.
            facts: more of it.
        """
        kind = what if isinstance(what, EventKind) else EventKind.ADMIN
        if kind is EventKind.ADMIN:
            facts["deed"] = str(what)
        self.services.events.tell(kind, user, server, by=by or self.by, **facts)

    # ---- answers

    def set_default_headers(self) -> None:
        """Set what every page answers."""
        self.set_usual_headers(self.application.page_headers)

    def set_usual_headers(self, headers: Mapping[str, str]) -> None:
        """Set headers of every answer; by https browsers learn to come by https only.

        Args:
            headers: by name; what the administrator set wins.
        """
        seconds = self.context.options.hsts_seconds
        if seconds and self.is_secure:
            self.set_header(HSTS, f"max-age={seconds}")
        for name, value in headers.items():
            self.set_header(name, value)

    def options(self, *_arguments: str) -> None:
        """Answer nothing, with the headers."""
        self.clear_header("Content-Type")

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> Future[None]:
        """Answer, and clear login cookies that count for nothing."""
        self.cookies_of_hub.finish()
        return super().finish(chunk)

    def on_finish(self) -> None:
        """Let go of the request once it is answered."""
        self.let_go()
        super().on_finish()

    def let_go(self) -> None:
        """Break the cycles of this handler: a body goes at once, and not when Python looks for cycles."""
        self.__dict__.pop("cookies_of_hub", None)
        self.ui = None  # type: ignore[assignment] # as tornado does with one that has answered

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer an error with the status that belongs to it."""
        error = kwargs.get("exc_info", (None, None))[1]
        super().send_error(status_of(error, status_code), **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write what happened; never a traceback."""
        error = kwargs.get("exc_info", (None, None))[1]
        answer = answer_to(error, status_code, details=self.sees_details())
        if status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", allowed_methods(self))
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish_error(answer)

    def sees_details(self, resource: ScopeFilter | None = None) -> bool:
        """Tell whether the reader may see paths, settings and texts of exceptions, as the state of servers.

        Args:
            resource: the server it is about; None for the hub as a whole.
        """
        principal = self.principal
        return principal is not None and principal.may("admin:server_state", resource=resource)

    def finish_error(self, answer: ErrorAnswer) -> None:
        """Answer an error.

        Args:
            answer: what to say.
        """
        self.cookies_of_hub.drop_new()
        self.set_header("Content-Type", "application/json")
        self.finish({"status": answer.status, "message": answer.message})

    def _request_summary(self) -> str:
        return f"{self.application.describe(self.request)} ({self.request.remote_ip})"

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log what nobody expected with its traceback, and everything else in one line."""
        if isinstance(value, HubError):
            if status_of(value) >= 500:  # noqa: PLR2004 - server errors
                self.application.log.error("%s: %s", self.application.describe(self.request), value)
            return
        log: Callable[..., None] = super().log_exception
        log(typ, value, tb)
