"""Base class of API calls: JSON requests and responses, and restrictions for login cookies."""

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
    """Base class of API calls.

    With a login cookie even reading needs an XSRF token, unless the browser navigates to the address.
    """

    accepts_token = True
    guarded: ClassVar[frozenset[str]] = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})

    def set_default_headers(self) -> None:
        """Set the headers of API responses."""
        self.set_common_headers(self.application.api_headers)

    def compute_etag(self) -> None:
        """Return no ETag: it would be a hash of each response, and clients do not ask for unchanged ones."""

    def accepts_cookie(self) -> bool:
        """Ignore the login cookie for content types that a form on another site could send."""
        kind = self.request.headers.get("Content-Type", "")
        if self.request.method != "POST" or not kind:
            return True
        return kind.partition(";")[0].strip().lower() == JSON

    def check_xsrf(self) -> None:
        """Refuse a request that another site made the browser send.

        Anonymous requests without an origin are left to the scope check.
        """
        if self.principal is None and "Origin" not in self.request.headers:
            return
        super().check_xsrf()

    def json_body(self, *, needed: bool = False) -> dict[str, Any]:
        """Parse the body as a JSON object.

        Args:
            needed: refuse a missing body and empty values that are no object, such as ``null`` or ``[]``.

        Returns:
            The JSON object; an empty one if there is no body.

        Raises:
            InvalidError: the body is no JSON object, or contains values that cannot be stored.
        """
        return read_json(self.request.body, needed=needed)

    def checked_body(self, what: str) -> dict[str, Any]:
        """Parse the body and check it against the description of the call.

        Args:
            what: what the body describes, such as ``user``; for error messages.

        Returns:
            The JSON object; an empty one if there is no body.

        Raises:
            InvalidError: the body is no JSON object, a key is unknown or a value has another type.
        """
        body = self.json_body()
        method = getattr(self, (self.request.method or "").lower())
        check_body(body, description_of(method).body or {}, what)
        return body

    def answer(self, model: Any, status: int = 200) -> None:
        """Respond with JSON.

        Args:
            model: value to serialize.
            status: HTTP status.
        """
        self.set_status(status)
        self.finish(json.dumps(model))

    def answer_nothing(self, status: int) -> None:
        """Respond with a status and no body.

        Args:
            status: HTTP status.
        """
        self.set_status(status)
        if status == 204:  # noqa: PLR2004 - No Content has no content type
            self.clear_header("Content-Type")
        else:
            self.set_header("Content-Type", "text/plain")
        self.finish()

    def finish_error(self, answer: ErrorAnswer) -> None:
        """Respond with an error as JSON and discard new cookies.

        Args:
            answer: the error.
        """
        self.cookie_jar.drop_new()
        model: dict[str, Any] = {"status": answer.status, "message": answer.full_message}
        if answer.reference:
            model["reference"] = answer.reference
        if answer.hint and answer.status not in {403, 404}:
            model["hint"] = answer.hint
        if answer.confirm_url:
            model["confirm_url"] = answer.confirm_url
        if answer.logs:
            model["logs"] = list(answer.logs)
        self.set_header("Content-Type", JSON)
        self.finish(json.dumps(model))


class UnknownHandler(APIHandler):
    """All other addresses of the API."""

    guarded = frozenset()

    async def get(self, *_path: str) -> None:
        """Respond with status 404."""
        raise NotFoundError("there is no such API call")

    head = post = put = patch = delete = get
