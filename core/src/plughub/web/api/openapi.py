"""OpenAPI 3 description of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from plughub.web.api.base import APIHandler
from plughub.web.api.calls import Call
from plughub.web.bodies import FLAG, NUMBER, OBJECT, TEXT, TEXTS
from plughub.web.description import call
from plughub.web.protocol import PROTOCOL_VERSION

PATH: Final = r"/api/openapi.json"
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    TEXT: {"type": "string", "nullable": True},
    FLAG: {"type": "boolean", "nullable": True},
    NUMBER: {"type": "integer", "nullable": True},
    TEXTS: {"type": "array", "items": {"type": "string"}, "nullable": True},
    OBJECT: {"type": "object", "nullable": True},
}
_ERROR: Final = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "message": {"type": "string"},
        "reference": {"type": "string"},
    },
    "required": ["status", "message"],
}


class OpenAPIHandler(APIHandler):
    """``/hub/api/openapi.json``: the OpenAPI document, available without a login."""

    guarded = frozenset()

    def initialize(self, document: Callable[[], Mapping[str, Any]]) -> None:
        """Store the function that returns the document."""
        self._document = document

    async def prepare(self) -> None:
        """Skip authentication."""

    @call(open=True)
    def get(self) -> None:
        """Return this OpenAPI document."""
        self.answer(self._document())


def describe(calls: Iterable[Call], prefix: str) -> dict[str, Any]:
    """Return the OpenAPI document of all calls of an API whose path is `prefix`."""
    paths: dict[str, dict[str, Any]] = {}
    for described in calls:
        paths.setdefault(described.path, {})[described.method.lower()] = _operation(described)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Hub", "version": PROTOCOL_VERSION},
        "servers": [{"url": prefix}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": (call.function.__doc__ or "").strip().partition("\n")[0],
        "parameters": [*_in_path(call), *_in_query(call)],
        "responses": _responses(call),
        "x-scopes": list(call.scopes),
    }
    if call.open:
        described["security"] = []
    if call.body is not None:
        properties = {key: dict(_SCHEMAS[kind]) for key, kind in call.body.items()}
        schema = {"type": "object", "properties": properties}
        described["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return described


def _in_path(call: Call) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", call.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(call: Call) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "schema": dict(_SCHEMAS[kind])} for name, kind in call.query.items()
    ]


def _responses(call: Call) -> dict[str, Any]:
    failures = sorted(call.error_statuses)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    good = {str(status): {"description": HTTPStatus(status).phrase} for status in call.success}
    bad = {
        str(int(status)): {"description": HTTPStatus(status).phrase, "content": content}
        for status in failures
    }
    return good | bad
