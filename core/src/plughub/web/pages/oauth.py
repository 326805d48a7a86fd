"""Page on which a user authorizes a server or service to act for them."""

from __future__ import annotations

from plughub.domain.audit import OPEN_SERVER
from plughub.domain.oauth import IDENTIFY, OAuthClient
from plughub.domain.scopes import describe_scopes
from plughub.services.tokens.oauth import ConsentQuestion
from plughub.web.authorization import requires
from plughub.web.description import call
from plughub.web.pages.base import PageHandler


class AuthorizeHandler(PageHandler):
    """``/hub/api/oauth2/authorize``."""

    @call(success=(200, 302), errors=(404,), open=True)
    @requires()
    async def get(self) -> None:
        """Redirect back with an authorization code; ask for consent unless the server is the user's own."""
        question = await self.services.oauth.consent_question(self.request.query, self.visitor)
        if isinstance(question, str):
            self.redirect(question)
        elif question.confirmed:
            await self._agree(question, question.scopes)
        else:
            self._show_consent(question)

    async def head(self, *path: str) -> None:
        """Issue no code."""

    @call(success=(302,), errors=(403, 404), open=True)
    @requires()
    async def post(self) -> None:
        """Redirect back with an authorization code for the granted permissions."""
        chosen = frozenset(self.get_body_arguments("scopes")) or frozenset({IDENTIFY})
        question = await self.services.oauth.consent_question(self.request.query, self.visitor)
        if isinstance(question, ConsentQuestion) and question.grants(chosen, self.visitor.name):
            self.require_confirmation()
        await self._agree(question, chosen)

    async def _agree(self, question: ConsentQuestion | str, scopes: frozenset[str]) -> None:
        session = self.cookie_jar.session_id
        target = await self.services.oauth.approve(self.request.query, self.visitor, scopes, session)
        self.emit_event("authorize-client", self.visitor.name, client=self.get_query_argument("client_id"))
        if isinstance(question, ConsentQuestion):
            self._report_opening(question.client)
        self.redirect(target)

    def _report_opening(self, client: OAuthClient) -> None:
        """Report that a user opens a server of another user, which the owner can see."""
        if client.server_id is not None and client.user != self.visitor.name:
            self.emit_event(OPEN_SERVER, client.user, client.server, admin=self.visitor.user.admin)

    def _show_consent(self, question: ConsentQuestion) -> None:
        self.render_page(
            "oauth.html",
            oauth_client=question.client,
            allowed_scopes=sorted(question.scopes),
            scope_descriptions=describe_scopes(question.scopes, self.services.tree, self.visitor.name),
            authorize_url=self.request.uri,
            home_url=self.hub_path("home"),
        )
