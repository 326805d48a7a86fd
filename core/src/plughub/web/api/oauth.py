"""The OAuth2 provider: where servers turn a code into a token."""

from __future__ import annotations

from plughub.web.api.base import APIHandler
from plughub.web.description import call


class TokenForCodeHandler(APIHandler):
    """``/hub/api/oauth2/token``: the client proves itself with its secret; cookies do not count."""

    guarded = frozenset()

    async def prepare(self) -> None:
        """Do not look who it is: the provider does."""

    @call(bad=(401,), open=True)
    async def post(self) -> None:
        """Give a token."""
        body = self.request.body.decode("utf-8", errors="replace")
        answer = await self.services.oauth.token(body, dict(self.request.headers))
        self.set_status(answer.status)
        for name, value in answer.headers.items():
            self.set_header(name, value)
        self.finish(answer.body)
