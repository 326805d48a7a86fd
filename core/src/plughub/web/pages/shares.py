"""Page on which users share their servers, and see what is shared with them."""

from __future__ import annotations

from typing import Any, Final

from plughub.domain.names import quote_path
from plughub.domain.scopes import ScopeFilter
from plughub.domain.scopes.descriptions import describe_scopes
from plughub.domain.scopes.filters import parse_scope
from plughub.domain.shares import Share, ShareCode
from plughub.domain.timings import HOUR, SHARE_CODE_SECONDS
from plughub.domain.words import _
from plughub.services.sharing.shares import Grantee
from plughub.services.tokens.principals import Principal
from plughub.web.authorization import requires
from plughub.web.pages.base import PageHandler

SHOWN: Final = 100
"""Shares, links and received shares that the page shows; the API lists them all."""
LINK_LIVES: Final = (
    (HOUR, _("in 1 hour")),
    (SHARE_CODE_SECONDS, _("in 1 day")),
    (7 * 24 * HOUR, _("in 1 week")),
    (30 * 24 * HOUR, _("in 30 days")),
)


class SharesHandler(PageHandler):
    """``/hub/shares``."""

    @requires()
    async def get(self) -> None:
        """Show the user's shares and share links, and the servers shared with the user."""
        user, principal = self.visitor.user, self.visitor
        own = ScopeFilter.user(user.name)
        may_share, may_read = (
            principal.may("shares", resource=own),
            principal.may("read:shares", resource=own),
        )
        sharing, codes = self.services.sharing, self.services.share_codes
        shares, share_count = await sharing.of_owner(user.name, None, 0, SHOWN) if may_read else ([], 0)
        links, link_count = await codes.of_owner(user.name, None, 0, SHOWN) if may_read else ([], 0)
        received, _count = await sharing.with_grantee(Grantee(kind="user", name=user.name), 0, SHOWN)
        servers = await self.services.servers.of_user(user) if may_share else []
        self.render_page(
            "shares.html",
            may_share=may_share,
            may_read=may_read,
            may_leave=principal.may("users:shares", resource=own),
            grantee_kinds=grantee_kinds(principal),
            servers=[
                {"name": server.name, "label": server.display_name or server.name} for server in servers
            ],
            link_lives=LINK_LIVES,
            link_default_life=SHARE_CODE_SECONDS,
            shares=[self._share(share) for share in shares],
            share_count=share_count,
            more_shares=share_count > len(shares),
            links=[self._link(code) for code in links],
            link_count=link_count,
            more_links=link_count > len(links),
            received=[self._share(share) for share in received],
        )

    def _share(self, share: Share) -> dict[str, Any]:
        return {
            "id": f"share-{share.id}",
            "kind": share.kind,
            "grantee": share.grantee,
            "created": share.created,
            "ready": share.ready,
            "opens": any(parse_scope(scope)[0] == "access:servers" for scope in share.scopes),
            "open_url": self.server_path(share.owner, share.server),
            "leave_url": self._api("users", self.visitor.name, "shared", share.owner, server=share.server),
            **self._shared_server(share),
        }

    def _link(self, code: ShareCode) -> dict[str, Any]:
        return {
            "id": f"sc_{code.id}",
            "expires": code.expires,
            "exchanges": code.exchanges,
            "last_exchange": code.last_exchange,
            **self._shared_server(code),
        }

    def _shared_server(self, of: Share | ShareCode) -> dict[str, Any]:
        tree = self.services.tree
        lines = describe_scopes({parse_scope(scope)[0] for scope in of.scopes}, tree)
        return {
            "owner": of.owner,
            "server": of.server,
            "permissions": [line.description for line in lines],
            "shares_url": self._api("shares", of.owner, server=of.server),
            "codes_url": self._api("share-codes", of.owner, server=of.server),
        }

    def _api(self, *pieces: str, server: str) -> str:
        """Return the path of an API call about a server, whose part is empty for the default one."""
        return f"{self.hub_path('api', *pieces)}/{quote_path(server)}"


def grantee_kinds(principal: Principal) -> list[str]:
    """Return with whom a user can share by name: to name users or groups, they have to be visible.

    Args:
        principal: the user.
    """
    own = f"user={principal.name}"
    filters = [scope.partition("!") for scope in principal.scopes]
    users = any(base == "read:users:name" and limit != own for base, _, limit in filters)
    groups = any(base == "read:groups:name" for base, _, _limit in filters)
    return [kind for kind, may in (("user", users), ("group", groups)) if may]
