"""Owners of tokens and login cookies; clients used these calls before there was OAuth."""

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

_UNKNOWN = "no such token or cookie, or no permission to see its owner"


class _Authorizations(APIHandler):
    """Base class for calls that must be authenticated by a token; a cookie is not enough."""

    def require_token(self) -> None:
        if not self.visitor.by_token:
            raise ForbiddenError(MISSING_CREDENTIALS, hint="send a token in the header Authorization")

    def answer_owner(self, owner: User | Service | None, more: frozenset[str] = frozenset()) -> None:
        """Respond with the owner's model, limited to the sender's scopes and `more`."""
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

    @call(errors=(404,))
    async def get(self, token: str = "") -> None:
        """Return the owner of a token."""
        self.require_token()
        found: Principal | None = await self.services.tokens.authenticate(token)
        if found is None:
            raise NotFoundError(_UNKNOWN)
        # The holder of a token could authenticate with it to see the owner, so the name is no secret.
        self.answer_owner(found.owner, identify_scopes(found.name, "user" if found.is_user else "service"))

    @call(success=(), errors=(404,))
    async def post(self, _token: str = "") -> None:
        """Refuse: tokens are created at ``/users/:name/tokens``."""
        raise NotFoundError("create tokens with POST /hub/api/users/:name/tokens")


class CookieOwnerHandler(_Authorizations):
    """``/hub/api/authorizations/cookie/:name/:value``; without a value, the body is the raw cookie."""

    @call(errors=(404,))
    async def get(self, name: str, value: str = "") -> None:
        """Return the owner of a login cookie."""
        self.require_token()
        text = value or self.request.body.decode(errors="replace")
        cookies = self.cookie_jar
        cookie = cookies.read_login(text) if name == cookies.login_name and text else None
        found = await self.services.sessions.principal(cookie, Client()) if cookie else None
        self.answer_owner(found.owner if found else None)


class AdminAccessHandler(APIHandler):
    """``/hub/api/users/:name/admin-access``, which scopes have replaced."""

    @call(success=())
    async def post(self, _name: str) -> None:
        """Refuse: access to servers is granted by scopes."""
        _ = self.visitor
        raise ForbiddenError(
            "admin access is not enabled on this hub",
            hint="the scope access:servers allows access to the servers of other users, without this call",
        )
