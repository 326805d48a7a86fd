"""The page on which a user lets a server or service know who is there."""

from __future__ import annotations

from plughub.domain.oauth import IDENTIFY
from plughub.domain.scopes import describe_scopes
from plughub.services.tokens.oauth import ConsentQuestion
from plughub.web.authorization import requires
from plughub.web.description import call
from plughub.web.pages.base import PageHandler


class AuthorizeHandler(PageHandler):
    """``/hub/api/oauth2/authorize``."""

    @call(good=(200, 302), bad=(404,), open=True)
    @requires()
    async def get(self) -> None:
        """Send the browser back with a code; ask first when it is not the user's own server."""
        question = await self.services.oauth.question(self.request.query, self.visitor)
        if isinstance(question, str):
            self.redirect(question)
        elif question.confirmed:
            await self._agree(question.scopes)
        else:
            self._ask(question)

    async def head(self, *path: str) -> None:
        """Make no code for whoever only looks."""

    @call(good=(302,), bad=(403, 404), open=True)
    @requires()
    async def post(self) -> None:
        """Send the browser back with a code for what the user agreed to."""
        chosen = frozenset(self.get_body_arguments("scopes")) or frozenset({IDENTIFY})
        question = await self.services.oauth.question(self.request.query, self.visitor)
        if isinstance(question, ConsentQuestion) and question.grants(chosen, self.visitor.name):
            self.require_confirmation()
        await self._agree(chosen)

    async def _agree(self, scopes: frozenset[str]) -> None:
        session = self.cookies_of_hub.session_id
        target = await self.services.oauth.agree(self.request.query, self.visitor, scopes, session)
        self.tell("authorize-client", self.visitor.name, client=self.get_query_argument("client_id"))
        self.redirect(target)

    def _ask(self, question: ConsentQuestion) -> None:
        self.render_page(
            "oauth.html",
            oauth_client=question.client,
            allowed_scopes=sorted(question.scopes),
            scope_descriptions=describe_scopes(question.scopes, self.services.tree, self.visitor.name),
            authorize_url=self.request.uri,
            home_url=self.hub_path("home"),
        )
