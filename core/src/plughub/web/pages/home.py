"""The home page: a card for each server of the user, and the servers that are shared with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Final

from plughub.domain.clock import utcnow
from plughub.domain.scopes import ScopeFilter
from plughub.domain.servers import ServerRecord, planned_stop, profile_of
from plughub.domain.shares import Share
from plughub.domain.timings import LATE_SECONDS, SOON_SECONDS
from plughub.domain.urls import url_path_join
from plughub.domain.users import User
from plughub.web.authorization import requires
from plughub.web.options import named_server_limit
from plughub.web.pages.base import PageHandler
from plughub.web.template_user import TemplateUser
from plughub.web.xsrf import is_navigation

SHARES: Final = 100
"""Shares by the user that the cards name."""


def _stop_of(server: ServerRecord) -> dict[str, Any]:
    """Return the template variables about the planned end of a server."""
    at, reason = planned_stop(server) or (None, "")
    left = (at - utcnow()).total_seconds() if at else 0
    if at is None or left < -LATE_SECONDS:  # it was not stopped as announced
        return {"stop_at": None, "stop_reason": "", "stops_soon": False}
    return {"stop_at": at, "stop_reason": reason, "stops_soon": left < SOON_SECONDS}


class HomeHandler(PageHandler):
    """``/hub/home``: the user's servers."""

    @requires()
    async def get(self) -> None:
        """Show the servers."""
        user = self.visitor.user
        servers = await self.services.servers.of_user(user)
        # A page that updates itself asks no plugin: the poller reports what has ended.
        is_opened = is_navigation(self.request)
        checked = [await self.services.servers.check(one) if is_opened else one for one in servers]
        shared_by = await self._shared_by(user)
        cards = [self._card(server, shared_by.get(server.name, ())) for server in checked]
        settings = self.services.settings
        default = next(card for card in cards if not card["name"])
        named = [card for card in cards if card["name"]]
        limit = await named_server_limit(self)
        self.render_page(
            "home.html",
            user=TemplateUser(user, settings, cards),
            url=default["url"] if default["active"] else default["spawn_url"],
            default_server=default,
            spawners=named,
            allow_named_servers=settings.allow_named_servers,
            named_server_limit_per_user=limit,
            invalid_server_names=[],
            url_path_join=url_path_join,
            may_add=settings.allow_named_servers and (not limit or len(named) < limit),
            admin_access=self.context.options.admin_access,
            several_spawners=len(settings.spawners) > 1,
            shared=[self._shared_card(share) for share in await self.services.sharing.shared_with(user)],
        )

    def _card(self, server: ServerRecord, shares: Collection[str]) -> dict[str, Any]:
        """Return the template variables of a card: those of a server, and what only its owner needs."""
        groups = self.visitor.user.groups
        card = self.server_card(server, groups)
        resource = ScopeFilter.server(server.user, server.name)
        return card | {
            "address": self._absolute(card["url"]),
            "profile": profile_of(server),
            "options_backend": server.backend if server.backend in self.services.settings.spawners else "",
            "usage_url": f"{card['api_url']}/usage",
            "may_start": self.visitor.may("start:servers", resource=resource, groups=groups),
            "may_stop": self.visitor.may("delete:servers", resource=resource, groups=groups),
            "shared_with": sorted(shares),
            **_stop_of(server),
        }

    def _absolute(self, address: str) -> str:
        """Return an address with the origin at which the browser sees the hub."""
        return f"{self.request.protocol}://{self.request.host}{address}" if address[:1] == "/" else address

    async def _shared_by(self, user: User) -> Mapping[str, Collection[str]]:
        """Return the users and groups with whom the user shares each server."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        if self.visitor.may("read:shares", resource=ScopeFilter.user(user.name)):
            shares, _total = await self.services.sharing.of_owner(user.name, None, 0, SHARES)
            for share in shares:
                found[share.server].add(share.grantee)
        return found

    def _shared_card(self, share: Share) -> dict[str, Any]:
        return {
            "owner": share.owner,
            "name": share.server,
            "url": self.server_path(share.owner, share.server),
            "ready": share.ready,
        }
