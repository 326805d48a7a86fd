"""The description of the API, in the form of OpenAPI 3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from tornado.web import RequestHandler

from plughub.web.api.base import APIHandler
from plughub.web.api.bodies import FLAG, NUMBER, OBJECT, TEXT, TEXTS
from plughub.web.api.calls import CALLS, Call
from plughub.web.protocol import PROTOCOL_VERSION

PATH: Final = r"/api/openapi.json"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PART: Final = re.compile(r"\(\[\^/\][+*]\)|\{\w+\}")
_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    TEXT: {"type": "string", "nullable": True},
    FLAG: {"type": "boolean", "nullable": True},
    NUMBER: {"type": "integer", "nullable": True},
    TEXTS: {"type": "array", "items": {"type": "string"}, "nullable": True},
    OBJECT: {"type": "object", "nullable": True},
}
_ERROR: Final = {
    "type": "object",
    "properties": {"status": {"type": "integer"}, "message": {"type": "string"}},
    "required": ["status", "message"],
}


class OpenAPIHandler(APIHandler):
    """``/hub/api/openapi.json``: the description of the API; open to everybody."""

    guarded = frozenset()

    def initialize(self, document: Mapping[str, Any]) -> None:
        """Take the description.

        Args:
            document: the description.
        """
        self._document = document

    async def prepare(self) -> None:
        """Do not look who it is."""

    def get(self) -> None:
        """Give this description."""
        self.answer(self._document)


def implemented(routes: Iterable[tuple[str, type]]) -> dict[tuple[str, str], Any]:
    """Find what handlers do.

    Args:
        routes: patterns below the hub's prefix, and their handlers.

    Returns:
        The methods of the handlers, by method of HTTP and path whose parts have no names.
    """
    found = {}
    for pattern, handler in routes:
        path = nameless(pattern.removeprefix("/api").removesuffix("?")) or "/"
        for method in METHODS:
            function = getattr(handler, method.lower())
            if function is not getattr(RequestHandler, method.lower()):
                found[method, path] = function
    return found


def nameless(path: str) -> str:
    """Take the names of the parts out of a path.

    Args:
        path: a pattern of a route, or a path with names in braces.

    Returns:
        The path with empty braces.
    """
    return _PART.sub("{}", path)


def describe(routes: Iterable[tuple[str, type]], prefix: str) -> dict[str, Any]:
    """Describe the API.

    Args:
        routes: patterns below the hub's prefix, and their handlers.
        prefix: path of the API.

    Returns:
        An OpenAPI document.
    """
    functions = implemented(routes)
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        function = functions.get((call.method, nameless(call.path)))
        paths.setdefault(call.path, {})[call.method.lower()] = _operation(call, function)
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


def _operation(call: Call, function: Any) -> dict[str, Any]:
    scopes = tuple(getattr(function, "scopes", ()))
    described: dict[str, Any] = {
        "summary": (getattr(function, "__doc__", "") or "").strip().partition("\n")[0],
        "parameters": [*_in_path(call), *_in_query(call)],
        "responses": _responses(call),
        "x-scopes": list(scopes),
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
    failures = sorted(call.failures)
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    good = {str(status): {"description": HTTPStatus(status).phrase} for status in call.good}
    bad = {
        str(int(status)): {"description": HTTPStatus(status).phrase, "content": content}
        for status in failures
    }
    return good | bad
