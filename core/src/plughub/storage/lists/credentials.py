"""Lists of tokens and login sessions."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from plughub.domain.clock import utcnow
from plughub.domain.lists import ListedSession, ListedToken, ListQuery, TokenQuery
from plughub.storage import tables
from plughub.storage.lists.conditions import contains, groups_of_users, users_within
from plughub.storage.session_table import sessions
from plughub.storage.sessions import read_session
from plughub.storage.tokens import TOKEN, read_token

_users, _services, _tokens = tables.users.c, tables.services.c, tables.api_tokens.c
_sessions = sessions.c
PLAIN_CLIENT = "jupyterhub"
"""OAuth client of the tokens that were not made for a server or service."""


def token_page(connection: Connection, query: TokenQuery) -> list[ListedToken]:
    """Return a page of the valid tokens, the last used ones first."""
    used = func.coalesce(_tokens.last_activity, _tokens.created)
    wanted = TOKEN.where(*_token_conditions(query)).order_by(used.desc(), _tokens.id.desc())
    found = [read_token(row) for row in connection.execute(wanted.offset(query.offset).limit(query.limit))]
    groups = groups_of_users(connection, [token.user_id for token in found if token.user_id is not None])
    return [ListedToken(token=token, groups=groups.get(token.user_id or 0, ())) for token in found]


def count_tokens(connection: Connection, query: TokenQuery) -> int:
    """Count the tokens of all pages."""
    wanted = (
        select(func.count())
        .select_from(tables.api_tokens)
        .outerjoin(tables.users, _users.id == _tokens.user_id)
        .outerjoin(tables.services, _services.id == _tokens.service_id)
    )
    return int(connection.execute(wanted.where(*_token_conditions(query))).scalar_one())


def session_page(connection: Connection, query: ListQuery, now: float) -> list[ListedSession]:
    """Return a page of the open sessions, the last used ones first."""
    wanted = _open_sessions(select(sessions, _users.name.label("user")), query, now)
    ordered = wanted.order_by(_sessions.seen.desc(), _sessions.id.desc())
    rows = connection.execute(ordered.offset(query.offset).limit(query.limit)).all()
    groups = groups_of_users(connection, [row.user_id for row in rows])
    return [
        ListedSession(session=read_session(row), user=row.user, groups=groups.get(row.user_id, ()))
        for row in rows
    ]


def count_sessions(connection: Connection, query: ListQuery, now: float) -> int:
    """Count the sessions of all pages."""
    return int(connection.execute(_open_sessions(select(func.count()), query, now)).scalar_one())


def _open_sessions(wanted: Select[Any], query: ListQuery, now: float) -> Select[Any]:
    wanted = wanted.select_from(sessions).join(tables.users, _users.id == _sessions.user_id)
    wanted = wanted.where(_sessions.ended.is_(False), _sessions.expires > now, *users_within(query.within))
    return wanted.where(contains(_users.name, query.text)) if query.text else wanted


def _token_conditions(query: TokenQuery) -> list[ColumnElement[bool]]:
    is_plain = _tokens.client_id == PLAIN_CLIENT
    conditions = [
        or_(_tokens.expires_at.is_(None), _tokens.expires_at > utcnow()),
        ~is_plain if query.of_clients else is_plain,
        *users_within(query.within),
    ]
    if query.text:
        named = (_users.name, _services.name, _tokens.note)
        conditions.append(or_(*(contains(column, query.text) for column in named)))
    return conditions
