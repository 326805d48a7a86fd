"""Queries for tokens, OAuth clients and codes."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, literal, or_, select, update

from plughub.domain.clock import utcnow
from plughub.domain.oauth import OAuthClient, OAuthCode, TokenRecord
from plughub.domain.tokens import compare_token
from plughub.storage import tables
from plughub.storage.changes import Changes
from plughub.storage.compiled_query import CompiledQuery, CompiledWrite, is_one_of
from plughub.storage.statements import upsert

_tokens = tables.api_tokens.c
_clients = tables.oauth_clients.c
_codes = tables.oauth_codes.c
TOKEN = (
    select(
        tables.api_tokens,
        func.coalesce(tables.users.c.name, tables.services.c.name).label("owner"),
        _clients.description.label("client_description"),
    )
    .outerjoin(tables.users, tables.users.c.id == _tokens.user_id)
    .outerjoin(tables.services, tables.services.c.id == _tokens.service_id)
    .outerjoin(tables.oauth_clients, _clients.identifier == _tokens.client_id)
)
"""Query for tokens with their owners and clients."""
_BY_PREFIX = TOKEN.where(
    _tokens.prefix == bindparam("prefix"),
    or_(_tokens.expires_at.is_(None), _tokens.expires_at > bindparam("now")),
)

_BY_ID = TOKEN.where(_tokens.id == bindparam("key"))
_NEW = CompiledWrite(insert(tables.api_tokens).returning(_tokens.id))
_OF_NOTE = CompiledQuery(
    select(_tokens.id).where(
        _tokens.user_id == bindparam("of_user"),
        is_one_of(_tokens.note, "of_notes"),
        _tokens.client_id == "jupyterhub",
    )
)
_WHERE_CLIENT = select(_tokens.id).where(_tokens.client_id == bindparam("of_client"))
_OF_CLIENT = CompiledQuery(_WHERE_CLIENT)
_OF_CLIENT_AND_USER = CompiledQuery(_WHERE_CLIENT.where(_tokens.user_id == bindparam("of_user")))
_DELETE = CompiledWrite(delete(tables.api_tokens).where(is_one_of(_tokens.id, "keys")))
_DELETE_CLIENT = CompiledWrite(
    delete(tables.oauth_clients).where(_clients.identifier == bindparam("of_client"))
)


class Tokens:
    """Tokens, on one connection."""

    def __init__(self, connection: Connection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    def create(self, **facts: Any) -> TokenRecord:
        """Store a token; see `add`."""
        token = self.by_id(self.add(**facts))
        assert token is not None
        return token

    def add(
        self,
        *,
        hashed: str,
        prefix: str,
        user_id: int | None = None,
        service_id: int | None = None,
        client_id: str = "jupyterhub",
        session_id: str = "",
        note: str = "",
        scopes: Collection[str] = (),
        expires_at: datetime | None = None,
    ) -> int:
        """Store a token and return its key."""
        facts = {
            "hashed": hashed,
            "prefix": prefix,
            "user_id": user_id,
            "service_id": service_id,
            "client_id": client_id,
            "session_id": session_id or None,
            "note": note,
            "scopes": sorted(scopes),
            "created": utcnow(),
            "expires_at": expires_at,
        }
        key: int = _NEW.run(self._connection, facts).first.id
        return key

    def candidates(self, prefix: str) -> list[tuple[str, TokenRecord]]:
        """List hash and record of the valid tokens with a prefix."""
        rows = self._connection.execute(_BY_PREFIX, {"prefix": prefix, "now": utcnow()}).all()
        return [(row.hashed, read_token(row)) for row in rows]

    def by_id(self, token_id: int) -> TokenRecord | None:
        """Find a token by key."""
        row = self._connection.execute(_BY_ID, {"key": token_id}).one_or_none()
        return read_token(row) if row is not None else None

    def of_user(self, user_id: int) -> list[TokenRecord]:
        """List the valid tokens of a user."""
        rows = self._connection.execute(
            TOKEN.where(_tokens.user_id == user_id, _not_ended()).order_by(_tokens.id)
        )
        return [read_token(row) for row in rows]

    def count(self, user_id: int) -> int:
        """Count the valid API tokens of a user, without those of OAuth clients."""
        mine = (_tokens.user_id == user_id, _tokens.client_id == "jupyterhub", _not_ended())
        return int(self._connection.execute(select(func.count()).where(*mine)).scalar_one())

    def delete(self, token_ids: Collection[int]) -> None:
        """Delete tokens and invalidate the caches of all processes."""
        if token_ids:
            _DELETE.run(self._connection, {"keys": list(token_ids)})
            for key in token_ids:
                self._changes.add("token", str(key))

    def of_session(self, session_id: str, user_id: int) -> list[int]:
        """List the keys of the tokens of a login session."""
        found = select(_tokens.id).where(_tokens.session_id == session_id, _tokens.user_id == user_id)
        return list(self._connection.execute(found).scalars())

    def of_any_session(self, user_id: int) -> list[int]:
        """List the keys of the tokens of all login sessions of a user."""
        found = select(_tokens.id).where(_tokens.session_id.is_not(None), _tokens.user_id == user_id)
        return list(self._connection.execute(found).scalars())

    def of_client(self, client_id: str, user_id: int | None = None) -> list[int]:
        """List the keys of the tokens issued to a client."""
        query = _OF_CLIENT if user_id is None else _OF_CLIENT_AND_USER
        found = {"of_client": client_id, **({} if user_id is None else {"of_user": user_id})}
        return [row.id for row in query.all(self._connection, found)]

    def of_notes(self, user_id: int, notes: Sequence[str]) -> list[int]:
        """List the keys of the plain tokens of a user with one of the notes."""
        mine = {"of_user": user_id, "of_notes": notes}
        return [row.id for row in _OF_NOTE.all(self._connection, mine)]

    def hashes(self, keys: Collection[int]) -> dict[int, str]:
        """Return the hashes of tokens by key; keys without a token are left out."""
        found = select(_tokens.id, _tokens.hashed).where(_tokens.id.in_(sorted(keys)))
        return {row.id: row.hashed for row in self._connection.execute(found)}

    def matching(self, prefix: str, token: str) -> int | None:
        """Return the key of a token by its text."""
        found = (record.id for hashed, record in self.candidates(prefix) if compare_token(token, hashed))
        return next(found, None)

    def touch(self, token_ids: Mapping[int, datetime]) -> None:
        """Advance the last use."""
        for key, at in token_ids.items():
            older = func.coalesce(_tokens.last_activity < at, literal(value=True))
            self._connection.execute(
                update(tables.api_tokens).where(_tokens.id == key, older).values(last_activity=at)
            )

    def purge(self) -> int:
        """Delete expired tokens and codes."""
        ended = self._connection.execute(delete(tables.api_tokens).where(_tokens.expires_at < utcnow()))
        self._connection.execute(delete(tables.oauth_codes).where(_codes.expires_at < int(time.time())))
        return ended.rowcount


class OAuth:
    """OAuth clients and codes, on one connection."""

    def __init__(self, connection: Connection, tokens: Tokens) -> None:
        self._connection = connection
        self._tokens = tokens

    def client(self, identifier: str) -> OAuthClient | None:
        """Return a client."""
        spawners, services = tables.spawners.c, tables.services.c
        row = self._connection.execute(
            select(
                tables.oauth_clients,
                spawners.id.label("server_id"),
                spawners.name.label("server"),
                tables.users.c.name.label("user"),
                services.name.label("service"),
                services.oauth_no_confirm,
            )
            .outerjoin(tables.services, services.oauth_client_id == _clients.identifier)
            .outerjoin(tables.spawners, spawners.oauth_client_id == _clients.identifier)
            .outerjoin(tables.users, tables.users.c.id == spawners.user_id)
            .where(_clients.identifier == identifier)
        ).one_or_none()
        if row is None:
            return None
        return OAuthClient(
            identifier=row.identifier,
            secret=row.secret or "",
            redirect_uri=row.redirect_uri or "",
            description=row.description or "",
            allowed_scopes=frozenset(row.allowed_scopes or ()),
            server_id=row.server_id,
            user=row.user or "",
            server=row.server or "",
            service=row.service or "",
            no_confirm=bool(row.oauth_no_confirm),
        )

    def save_client(self, client: OAuthClient) -> None:
        """Store or update a client."""
        upsert(
            self._connection,
            tables.oauth_clients,
            {"identifier": client.identifier},
            secret=client.secret,
            redirect_uri=client.redirect_uri,
            description=client.description,
            allowed_scopes=sorted(client.allowed_scopes),
        )

    def delete_client(self, identifier: str) -> None:
        """Delete a client with its codes and tokens."""
        self._tokens.delete(self._tokens.of_client(identifier))
        _DELETE_CLIENT.run(self._connection, {"of_client": identifier})

    def save_code(self, code: OAuthCode) -> None:
        """Store a code."""
        self._connection.execute(
            insert(tables.oauth_codes).values(
                client_id=code.client_id,
                code=code.code,
                expires_at=code.expires_at,
                redirect_uri=code.redirect_uri,
                session_id=code.session_id,
                user_id=code.user_id,
                scopes=sorted(code.scopes),
                code_challenge=code.challenge or None,
                code_challenge_method=code.challenge_method or None,
            )
        )

    def count_codes(self, user_id: int) -> int:
        """Count the valid codes of a user."""
        mine = (_codes.user_id == user_id, _codes.expires_at >= int(time.time()))
        return int(self._connection.execute(select(func.count()).where(*mine)).scalar_one())

    def code(self, client_id: str, code: str) -> OAuthCode | None:
        """Return a valid code."""
        row = self._connection.execute(
            select(tables.oauth_codes).where(
                _codes.client_id == client_id, _codes.code == code, _codes.expires_at >= int(time.time())
            )
        ).one_or_none()
        return _code(row) if row is not None else None

    def delete_codes_of(self, user_id: int) -> None:
        """Delete the codes issued for a user."""
        self._connection.execute(delete(tables.oauth_codes).where(_codes.user_id == user_id))

    def delete_code(self, client_id: str, code: str) -> bool:
        """Redeem a code; False if it was redeemed before."""
        used = self._connection.execute(
            delete(tables.oauth_codes).where(_codes.client_id == client_id, _codes.code == code)
        )
        return used.rowcount == 1


def _not_ended() -> Any:
    return or_(_tokens.expires_at.is_(None), _tokens.expires_at > utcnow())


def read_token(row: Row[Any]) -> TokenRecord:
    """Convert a row of `TOKEN`."""
    return TokenRecord(
        id=row.id,
        user_id=row.user_id,
        service_id=row.service_id,
        owner=row.owner or "",
        client_id=row.client_id or "jupyterhub",
        client_description=row.client_description or "",
        session_id=row.session_id or "",
        note=row.note or "",
        scopes=frozenset(row.scopes or ()),
        created=row.created,
        last_activity=row.last_activity,
        expires_at=row.expires_at,
    )


def _code(row: Row[Any]) -> OAuthCode:
    return OAuthCode(
        code=row.code,
        client_id=row.client_id,
        user_id=row.user_id,
        redirect_uri=row.redirect_uri or "",
        session_id=row.session_id or "",
        scopes=frozenset(row.scopes or ()),
        expires_at=row.expires_at,
        challenge=row.code_challenge or "",
        challenge_method=row.code_challenge_method or "",
    )
