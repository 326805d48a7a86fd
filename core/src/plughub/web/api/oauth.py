"""OAuth 2 token endpoint, where servers and services exchange a code for a token."""

from __future__ import annotations

from plughub.web.api.base import APIHandler
from plughub.web.description import call


class TokenForCodeHandler(APIHandler):
    """``/hub/api/oauth2/token``: clients authenticate with their secret; cookies are ignored."""

    guarded = frozenset()

    async def prepare(self) -> None:
        """Skip authentication: the OAuth provider authenticates the client."""

    @call(errors=(401,), open=True)
    async def post(self) -> None:
        """Exchange an authorization code for a token."""
        body = self.request.body.decode("utf-8", errors="replace")
        answer = await self.services.oauth.issue_token(body, dict(self.request.headers))
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)
