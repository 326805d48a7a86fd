"""Page on which a user accepts a shared server."""

from __future__ import annotations

from plughub.domain.errors import InvalidError
from plughub.domain.scopes import describe_scopes
from plughub.domain.shares import Share, ShareCode
from plughub.web.authorization import requires
from plughub.web.pages.base import PageHandler


class AcceptShareHandler(PageHandler):
    """``/hub/accept-share?code=…``."""

    own_parameters = PageHandler.own_parameters | {"code"}

    @requires()
    async def get(self) -> None:
        """Show what the share code grants."""
        text = self._code()
        code = await self.services.share_codes.preview(text, self.visitor.user)
        self.render_page(
            "accept-share.html",
            code=text,
            owner={"name": code.owner},
            spawner={"name": code.server},
            spawner_ready=code.ready,
            spawner_url=self.server_path(code.owner, code.server),
            scope_descriptions=describe_scopes(code.scopes, self.services.tree, self.visitor.name),
            next_url=self._after(code),
            accept_url=self.hub_path("accept-share"),
            home_url=self.hub_path("home"),
        )

    @requires()
    async def post(self) -> None:
        """Accept the share and redirect to the server."""
        share = await self.services.share_codes.accept(self._code(), self.visitor.user)
        self.emit_event("accept-share", share.owner, share.server, scopes=sorted(share.scopes))
        self.redirect(self._after(share))

    def _code(self) -> str:
        code = self.get_argument("code", "")
        if not code:
            raise InvalidError("the link contains no share code", hint="Ask the sender for a new link.")
        return code

    def _after(self, of: Share | ShareCode) -> str:
        return self.onward(self.server_path(of.owner, of.server))
