"""What all API calls share: JSON in, JSON out, and who may ask with a cookie."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

from plughub.domain.errors import NotFoundError
from plughub.web.base import BaseHandler
from plughub.web.bodies import check_body, read_json
from plughub.web.description import description_of
from plughub.web.errors import ErrorAnswer

JSON: Final = "application/json"


class APIHandler(BaseHandler):
    """An API call. With a login cookie even reading needs a XSRF token, unless a browser opens a page."""

    accepts_token = True
    guarded: ClassVar[frozenset[str]] = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

    def set_default_headers(self) -> None:
        """Set what every call answers."""
        self.set_usual_headers(self.application.api_headers)

    def trusts_cookie(self) -> bool:
        """Pass over the cookie of a form that another site may have sent."""
        kind = self.request.headers.get("Content-Type", "")
        if self.request.method != "POST" or not kind:
            return True
        return kind.partition(";")[0].strip().lower() == JSON

    def check_xsrf(self) -> None:
        """Refuse what another site made the browser send; whoever is nobody is refused anyway."""
        if self.principal is None and "Origin" not in self.request.headers:
            return
        super().check_xsrf()

    def json_body(self, *, needed: bool = False) -> dict[str, Any]:
        """Read the body.

        Args:
            needed: refuse a body that is not there, or empty but no object, such as ``null`` or ``[]``.

        Returns:
            The JSON object; an empty one when there is no body, or an empty one.

        Raises:
            InvalidError: it is no JSON object, or holds what cannot be stored.
        """
        return read_json(self.request.body, needed=needed)

    def checked_body(self, what: str) -> dict[str, Any]:
        """Read the body, and check it as the call is described.

        Args:
            what: what the body describes, such as ``user``.

        Returns:
            The JSON object; an empty one when there is no body.

        Raises:
            InvalidError: it is no JSON object, a key is not known or a value has another type.
        """
        body = self.json_body()
        method = getattr(self, (self.request.method or "").lower())
        check_body(body, description_of(method).body or {}, what)
        return body

    def answer(self, model: Any, status: int = 200) -> None:
        """Answer with JSON.

        Args:
            model: what to answer.
            status: HTTP status.
        """
        self.set_status(status)
        self.finish(json.dumps(model))

    def answer_nothing(self, status: int) -> None:
        """Answer with a status alone.

        Args:
            status: HTTP status.
        """
        self.set_status(status)
        if status == 204:  # noqa: PLR2004 - No Content has no type either
            self.clear_header("Content-Type")
        else:
            self.set_header("Content-Type", "text/plain")
        self.finish()

    def finish_error(self, answer: ErrorAnswer) -> None:
        """Answer an error; no cookies are set."""
        self.cookies_of_hub.drop_new()
        model: dict[str, Any] = {"status": answer.status, "message": answer.message}
        if answer.hint and answer.status not in {403, 404}:
            model["hint"] = answer.hint
        if answer.confirm_url:
            model["confirm_url"] = answer.confirm_url
        if answer.logs:
            model["logs"] = list(answer.logs)
        self.set_header("Content-Type", JSON)
        self.finish(json.dumps(model))


class UnknownHandler(APIHandler):
    """Every API path that is nothing else."""

    guarded = frozenset()

    async def get(self, *_path: str) -> None:
        """Say that there is nothing."""
        raise NotFoundError("there is no such API call")

    head = post = put = patch = delete = get
