"""Whose token or cookie is this: what clients asked before there was OAuth."""

from __future__ import annotations

from plughub.domain.errors import ForbiddenError, NotFoundError
from plughub.domain.scopes import identify_scopes
from plughub.domain.services import Service
from plughub.domain.sessions import Client
from plughub.domain.users import User
from plughub.services.tokens.principals import Principal
from plughub.web.api.base import APIHandler
from plughub.web.api.models import Models, service_model
from plughub.web.base import MISSING_CREDENTIALS
from plughub.web.description import call

_UNKNOWN = "no such token or cookie, or not to be seen"


class _Authorizations(APIHandler):
    """Answers who has sent a token themselves; a cookie is not enough."""

    def check_sender(self) -> None:
        if not self.visitor.by_token:
            raise ForbiddenError(MISSING_CREDENTIALS, hint="send a token in the header Authorization")

    def answer_owner(self, owner: User | Service | None, more: frozenset[str] = frozenset()) -> None:
        """Show the owner of a token or cookie, as far as the scopes of the sender go, and some more."""
        settings, scopes = self.services.settings, self.visitor.scopes | more
        if isinstance(owner, Service):
            model = service_model(settings, owner, scopes)
        else:
            model = Models(settings, scopes).user(owner) if owner else {}
        if not model:
            raise NotFoundError(_UNKNOWN)
        self.answer(model)


class TokenOwnerHandler(_Authorizations):
    """``/hub/api/authorizations/token/:token``."""

    @call(bad=(404,))
    async def get(self, token: str = "") -> None:
        """Tell whose token it is."""
        self.check_sender()
        found: Principal | None = await self.services.tokens.by_token(token)
        if found is None:
            raise NotFoundError(_UNKNOWN)
        # Whoever has a token can ask with it whose it is.
        self.answer_owner(found.owner, identify_scopes(found.name, "user" if found.is_user else "service"))

    @call(good=(), bad=(404,))
    async def post(self, _token: str = "") -> None:
        """Make no token: that is done at ``/users/:name/tokens``."""
        raise NotFoundError("tokens are made with POST /hub/api/users/:name/tokens")


class CookieOwnerHandler(_Authorizations):
    """``/hub/api/authorizations/cookie/:name/:value``; without a value, the body is the cookie as it is."""

    @call(bad=(404,))
    async def get(self, name: str, value: str = "") -> None:
        """Tell whose login cookie it is."""
        self.check_sender()
        text = value or self.request.body.decode(errors="replace")
        cookies = self.cookies_of_hub
        cookie = cookies.read_login(text) if name == cookies.login_name and text else None
        found = await self.services.sessions.principal(cookie, Client()) if cookie else None
        self.answer_owner(found.owner if found else None)


class AdminAccessHandler(APIHandler):
    """``/hub/api/users/:name/admin-access``: scopes have taken its place."""

    @call(good=())
    async def post(self, _name: str) -> None:
        """Refuse: who may use a server holds a scope for it."""
        _ = self.visitor
        raise ForbiddenError(
            "admin access is not enabled on this hub",
            hint="whoever holds the scope access:servers may use servers of others, without this call",
        )
