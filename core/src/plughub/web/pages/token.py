"""Page for API tokens, authorized applications and login sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from plughub.domain.audit import OPEN_SERVER, AuditQuery
from plughub.domain.oauth import TokenRecord
from plughub.domain.scopes.descriptions import describe_scopes
from plughub.domain.scopes.tree import ScopeTree
from plughub.domain.sessions import LoginSession
from plughub.domain.timings import HOUR
from plughub.domain.tokens import SERVER_NOTE
from plughub.domain.words import _
from plughub.services.coordination.initial_records import PLAIN_CLIENT
from plughub.web.authorization import requires
from plughub.web.languages import translated
from plughub.web.pages.base import PageHandler
from plughub.web.pages.token_permissions import token_permissions
from plughub.web.xsrf import is_from_other_origin

OPENINGS: Final = 20
"""Openings of the user's servers by others that are shown."""
MAX_FIELD: Final = 2000
"""Characters of each form field that survive a confirmation."""
LIFETIMES: Final = (
    (HOUR, _("in 1 hour")),
    (24 * HOUR, _("in 1 day")),
    (7 * 24 * HOUR, _("in 1 week")),
    (30 * 24 * HOUR, _("in 30 days")),
    (90 * 24 * HOUR, _("in 90 days")),
    (365 * 24 * HOUR, _("in 1 year")),
)
DEFAULT_LIFETIME: Final = 90 * 24 * HOUR
"""Lifetime that the form proposes; as late as possible if tokens must expire earlier."""


class TokenPageHandler(PageHandler):
    """``/hub/token``."""

    @requires()
    async def get(self) -> None:
        """Show tokens, applications and sessions."""
        user = self.visitor.user
        records = await self.services.tokens.of_user(user)
        sessions = await self.services.sessions.of_user(user)
        plain = [record for record in records if record.client_id == PLAIN_CLIENT]
        longest = self.services.settings.token_expires_in_max
        lifetimes = [(lifetime, label) for lifetime, label in LIFETIMES if not longest or lifetime <= longest]
        tree = self.services.tree
        tokens = [_token(record, tree) for record in sorted(plain, key=_newest, reverse=True)]
        self.render_page(
            "token.html",
            api_tokens=[token for token in tokens if not token["of_server"]],
            server_tokens=[token for token in tokens if token["of_server"]],
            oauth_clients=_clients([record for record in records if record.client_id != PLAIN_CLIENT], tree),
            permissions=token_permissions(self.visitor, tree),
            token_lives=lifetimes,
            token_default_life=DEFAULT_LIFETIME,
            token_expires_in_options_html=_options(lifetimes, longest),
            token_expires_in_max_seconds=longest,
            login_sessions=[_session(session, self.visitor.session) for session in sessions],
            sessions_api_url=self.hub_path("api", "users", user.name, "sessions"),
            tokens_api_url=self.hub_path("api", "users", user.name, "tokens"),
            filled=self._filled(),
            openings=await self._openings(user.name),
        )

    async def _openings(self, name: str) -> list[dict[str, Any]]:
        """Return the last times that other users opened the user's servers, the newest first."""
        if self.context.audit is None:
            return []
        entries = await self.context.audit.newest(AuditQuery(user=name, kind=OPEN_SERVER), OPENINGS)
        return [
            {
                "by": entry.actor,
                "admin": entry.detail.get("admin", False),
                "server": entry.server or "",
                "at": entry.at,
            }
            for entry in entries
        ]

    def _filled(self) -> Mapping[str, str]:
        """Return the form values from before a confirmation; links from other sites cannot fill in the
        form.
        """
        if is_from_other_origin(self.request):
            return {}
        return {
            name: self.get_query_argument(name, "")[:MAX_FIELD] for name in ("note", "expires_in", "scopes")
        }


def _options(lifetimes: Sequence[tuple[int, str]], longest: float) -> Markup:
    """Return the expiration choices as ``<option>`` elements, as JupyterHub's templates expect."""
    last = (longest, _("as late as possible")) if longest else ("", _("never"))
    default = DEFAULT_LIFETIME if DEFAULT_LIFETIME in dict(lifetimes) else last[0]
    option = Markup('<option value="{}"{}>{}</option>').format
    return Markup().join(
        option(lifetime, Markup(" selected") if lifetime == default else "", translated(label))
        for lifetime, label in [*lifetimes, last]
    )


def _token(record: TokenRecord, tree: ScopeTree) -> dict[str, Any]:
    return {
        "of_server": record.note.startswith(SERVER_NOTE),
        "permissions": describe_scopes(record.scopes, tree, record.owner),
        "api_id": f"a{record.id}",
        "note": record.note,
        "created": record.created,
        "last_activity": record.last_activity,
        "expires_at": record.expires_at,
        "scopes": sorted(record.scopes),
    }


def _session(session: LoginSession, here: LoginSession | None) -> dict[str, Any]:
    return {
        "agent": session.agent or _("unknown browser"),
        "address": session.address,
        "created": datetime.fromtimestamp(session.created, UTC),
        "last_activity": datetime.fromtimestamp(session.seen, UTC),
        "current": here is not None and here.id == session.id,
    }


def _clients(records: list[TokenRecord], tree: ScopeTree) -> list[dict[str, Any]]:
    """Group the tokens by client: they are revoked together."""
    by_client: defaultdict[str, list[TokenRecord]] = defaultdict(list)
    for record in records:
        by_client[record.client_id].append(record)
    return [
        {
            "client_id": client,
            "description": tokens[0].client_description or client,
            "token_id": f"a{tokens[0].id}",
            "token_count": len(tokens),
            "scopes": sorted({scope for token in tokens for scope in token.scopes}),
            "permissions": describe_scopes(
                {scope for token in tokens for scope in token.scopes}, tree, tokens[0].owner
            ),
            "tokens": [_token(token, tree) for token in tokens],
            "created": min((token.created for token in tokens if token.created), default=None),
            "last_activity": max(
                (token.last_activity for token in tokens if token.last_activity), default=None
            ),
        }
        for client, tokens in sorted(by_client.items())
    ]


def _newest(record: TokenRecord) -> str:
    moment: datetime | None = record.last_activity or record.created
    return moment.isoformat() if moment else ""
