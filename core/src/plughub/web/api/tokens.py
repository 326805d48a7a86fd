"""API tokens of users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from plughub.domain.errors import ForbiddenError, HubError, InvalidError, NotFoundError
from plughub.domain.events import EventKind
from plughub.domain.oauth import TokenRecord
from plughub.domain.scopes import ScopeFilter
from plughub.domain.sessions import SessionRequest
from plughub.domain.users import User
from plughub.services.tokens.principals import Principal
from plughub.web.api.base import APIHandler
from plughub.web.api.models import token_model
from plughub.web.authorization import of_user, requires
from plughub.web.base import MISSING_CREDENTIALS
from plughub.web.bodies import NUMBER, OBJECT, TEXT, TEXTS, check_body, drop_unknown
from plughub.web.description import call

MAX_NOTE: Final = 1023
_TOKEN: Final = {"note": TEXT, "expires_in": NUMBER, "scopes": TEXTS, "roles": TEXTS, "auth": OBJECT}
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


class TokensHandler(APIHandler):
    """``/hub/api/users/:name/tokens``."""

    @call(errors=(404,))
    @requires("read:tokens", about=of_user)
    async def get(self, name: str) -> None:
        """List the tokens of a user."""
        user = await self.find_user(name)
        tokens = self.services.tokens
        records = await tokens.of_user(user)
        records.sort(key=lambda record: ((record.last_activity or record.created or _NEVER), record.id))
        models = [token_model(record, await tokens.effective_scopes(user, record)) for record in records]
        self.answer({"api_tokens": models})

    @call(success=(201,), body=_TOKEN)
    async def post(self, name: str) -> None:
        """Create a token; without a login, the body must contain a name and password."""
        # Programs send further keys, such as a user name. Refuse misspelt keys, so that no limit is lost.
        body = drop_unknown(self.json_body(), _TOKEN)
        check_body(body, _TOKEN, "token")
        creator = self.principal or await self._by_password(body.get("auth"))
        user = await self._owner(name, creator)
        self.require_confirmation()
        made = await self.services.tokens.create(
            user,
            note=_note(body),
            scopes=await self._scopes(body),
            expires_in=body.get("expires_in"),
            holder=creator,
        )
        self._emit_created(user, creator, made.record)
        scopes = await self.services.tokens.effective_scopes(user, made.record)
        self.answer({**token_model(made.record, scopes), "token": made.text}, 201)

    async def _scopes(self, body: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return the requested scopes, None for the default; names of roles, as older clients send, are
        expanded.
        """
        scopes, roles = body.get("scopes"), body.get("roles")
        if scopes is not None and roles is not None:
            raise InvalidError("specify scopes or roles, not both")
        if roles is not None:
            return await self.services.tokens.scopes_of_roles(roles)
        return None if scopes is None else tuple(scopes)

    def _emit_created(self, user: User, creator: Principal, record: TokenRecord) -> None:
        """Report a new token; the actor of a request without a login is the user of its name and password."""
        self.emit_event(
            EventKind.TOKEN_CREATED,
            user.name,
            by=replace(self.actor, name=creator.name),
            token=f"a{record.id}",
            note=record.note,
            scopes=sorted(record.scopes),
        )

    def check_xsrf(self) -> None:
        """Skip the check without a login: name and password in the body prove that the request is
        intended.
        """
        if self.principal is not None:
            super().check_xsrf()

    async def _by_password(self, auth: object) -> Principal:
        if not isinstance(auth, dict) or not all(isinstance(value, str) for value in auth.values()):
            raise ForbiddenError(MISSING_CREDENTIALS)
        form = {key: value for key, value in auth.items() if key not in {"username", "password"}}
        remote_ip = self.request.remote_ip or ""
        with self.context.metrics.time_login():
            session = await self.services.logins.log_in(
                auth.get("username", ""),
                auth.get("password", ""),
                form,
                remote_ip=remote_ip,
                request=self.request_info(),
                wanted=SessionRequest(keep=False),
            )
        return Principal(
            owner=session.user, scopes=self.services.tokens.scopes_of(session.user), inherits=True
        )

    async def _owner(self, name: str, creator: Principal) -> User:
        """Return the owner of a new token.

        The error is the same for unknown users and missing permissions, so that it reveals no names.
        """
        refusal = ForbiddenError(f"User {name[:64]} not found or no permissions to generate tokens")
        try:
            user = (
                creator.user
                if creator.is_user and creator.name == name
                else await self.services.users.get(name)
            )
        except NotFoundError as error:
            raise refusal from error
        if not creator.may("tokens", resource=ScopeFilter.user(user.name), groups=user.groups):
            raise refusal
        return user


class TokenHandler(APIHandler):
    """``/hub/api/users/:name/tokens/:id``."""

    @call(errors=(404,))
    @requires("read:tokens", about=of_user)
    async def get(self, name: str, token_id: str) -> None:
        """Return a token's record."""
        user, key = await self.find_user(name), token_key(token_id)
        record = next((found for found in await self.services.tokens.of_user(user) if found.id == key), None)
        if record is None:
            raise no_such_token(token_id)
        self.answer(token_model(record, await self.services.tokens.effective_scopes(user, record)))

    @call(success=(204,), errors=(404,))
    @requires("tokens", about=of_user)
    async def delete(self, name: str, token_id: str) -> None:
        """Revoke a token."""
        user = await self.find_user(name)
        if not await self.services.tokens.revoke(user, token_key(token_id)):
            raise no_such_token(token_id)
        self.emit_event(EventKind.TOKEN_REVOKED, user.name, token=token_id)
        self.answer_nothing(204)


def token_key(token_id: str) -> int:
    """Return the key of a token in a path.

    Raises:
        NotFoundError: the path contains no key.
    """
    number = token_id.removeprefix("a")
    if not token_id.startswith("a") or not (number.isascii() and number.isdigit()) or len(number) > 18:  # noqa: PLR2004 - a 64-bit key
        raise no_such_token(token_id)
    return int(number)


def no_such_token(token_id: str) -> HubError:
    """Return the error for a token that does not exist."""
    return NotFoundError(f"Token not found: {token_id[:20]}")


def _note(body: Mapping[str, Any]) -> str:
    note = body.get("note") or ""
    if len(note) > MAX_NOTE:
        raise InvalidError(f"token.note must be a text of at most {MAX_NOTE} characters")
    return str(note)
