"""What the calls of the API take and answer, beside what stands at their handlers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from plughub.web.api.bodies import FLAG, NUMBER, OBJECT, TEXT, TEXTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A method of a path.

    Attributes:
        method: of HTTP.
        path: below ``/hub/api``, with the names of its parts in braces.
        good: statuses when it is done.
        bad: statuses when it is not, besides those of all calls: see `failures`.
        query: kinds of the arguments of the query by name.
        body: kinds of the values of the body by key; None when it takes no body.
        open: it answers without a login.
    """

    method: str
    path: str
    good: tuple[int, ...] = (200,)
    bad: tuple[int, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] | None = None
    open: bool = False

    @property
    def failures(self) -> frozenset[int]:
        """Statuses when it is not done, also for what is wrong with any call, or with the hub."""
        everywhere = {HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE}
        closed = set() if self.open else {HTTPStatus.FORBIDDEN}
        long = set() if self.body is None else {HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
        return frozenset(map(int, {*self.bad, *everywhere, *closed, *long}))


_PAGE: Final = {"offset": NUMBER, "limit": NUMBER}
_AUDIT: Final = {"user": TEXT, "actor": TEXT, "kind": TEXT, "since": TEXT, "until": TEXT}
_STOPPED: Final = {"include_stopped_servers": TEXT}
_SERVER: Final = {"display_name": TEXT, "user_options": OBJECT}
_START: Final = {**_SERVER, "backend": TEXT}
_REPROXY: Final = {"ip": TEXT, "port": TEXT, "protocol": TEXT, "api_url": TEXT, "auth_token": TEXT}
_TOKEN: Final = {"note": TEXT, "expires_in": NUMBER, "scopes": TEXTS, "roles": TEXTS, "auth": OBJECT}
SERVICE: Final = {
    "name": TEXT,
    "admin": FLAG,
    "url": TEXT,
    "oauth_client_allowed_scopes": TEXTS,
    "oauth_roles": TEXTS,
    "api_token": TEXT,
    "info": OBJECT,
    "display": FLAG,
    "timeout": NUMBER,
    "oauth_no_confirm": FLAG,
    "command": TEXTS,
    "cwd": TEXT,
    "environment": OBJECT,
    "user": TEXT,
    "oauth_client_id": TEXT,
    "oauth_redirect_uri": TEXT,
}
"""What a service is made of; none has a command, which only the config file may give."""
_ACTIVITY: Final = {"last_activity": TEXT, "servers": OBJECT}


def _server(path: str) -> tuple[Call, ...]:
    return (
        Call(method="GET", path=path, bad=(404,)),
        Call(method="POST", path=path, good=(201, 202), bad=(404, 429, 500), body=_START),
        Call(method="PUT", path=path, good=(201,), bad=(404, 409), body=_SERVER),
        Call(method="PATCH", path=path, bad=(404, 409), body={"name": TEXT, **_SERVER}),
        Call(
            method="DELETE",
            path=path,
            good=(202, 204),
            bad=(404, 409),
            body={"remove": FLAG, "forget": FLAG},
        ),
        Call(method="GET", path=f"{path}/progress", bad=(404,)),
    )


_HUB: Final = (
    Call(method="GET", path="/", open=True),
    Call(method="GET", path="/openapi.json", open=True),
    Call(method="GET", path="/health", open=True),
    Call(method="GET", path="/metrics"),
    Call(method="GET", path="/info"),
    Call(method="GET", path="/proxy", query=_PAGE),
    Call(method="GET", path="/audit", bad=(404,), query={**_AUDIT, **_PAGE}),
    Call(method="POST", path="/proxy"),
    Call(method="PATCH", path="/proxy", body=_REPROXY),
    Call(method="POST", path="/shutdown", good=(202,), body={"servers": FLAG, "proxy": FLAG}),
)
_NEW_USER: Final = {"admin": FLAG, "authenticator": TEXT}
_NEW_USERS: Final = {"usernames": TEXTS, **_NEW_USER}
_USERS: Final = (
    Call(method="GET", path="/user", query=_STOPPED),
    Call(
        method="GET",
        path="/users",
        query={"state": TEXT, "name_filter": TEXT, "sort": TEXT, **_STOPPED, **_PAGE},
    ),
    Call(method="POST", path="/users", good=(201,), bad=(409,), body=_NEW_USERS),
    Call(method="GET", path="/users/{name}", bad=(404,), query=_STOPPED),
    Call(method="POST", path="/users/{name}", good=(201,), bad=(404, 409), body=_NEW_USER),
    Call(
        method="PATCH",
        path="/users/{name}",
        bad=(404,),
        body={"name": TEXT, "admin": FLAG, "auth_state": OBJECT},
    ),
    Call(method="DELETE", path="/users/{name}", good=(204,), bad=(404,)),
    Call(method="POST", path="/users/{name}/activity", bad=(404,), body=_ACTIVITY),
    Call(method="POST", path="/users/{name}/admin-access", good=()),
)
_TOKENS: Final = (
    Call(method="GET", path="/users/{name}/tokens", bad=(404,)),
    Call(method="POST", path="/users/{name}/tokens", good=(201,), body=_TOKEN),
    Call(method="GET", path="/users/{name}/tokens/{token}", bad=(404,)),
    Call(method="DELETE", path="/users/{name}/tokens/{token}", good=(204,), bad=(404,)),
    Call(method="GET", path="/users/{name}/sessions", bad=(404,)),
    Call(method="DELETE", path="/users/{name}/sessions", good=(204,), bad=(404,)),
    Call(method="GET", path="/authorizations/token", good=(), bad=(404,)),
    Call(method="POST", path="/authorizations/token", good=(), bad=(404,)),
    Call(method="GET", path="/authorizations/token/{token}", bad=(404,)),
    Call(method="POST", path="/authorizations/token/{token}", good=(), bad=(404,)),
    Call(method="GET", path="/authorizations/cookie/{cookie}", bad=(404,)),
    Call(method="GET", path="/authorizations/cookie/{cookie}/{value}", bad=(404,)),
    Call(method="GET", path="/oauth2/authorize", good=(200, 302), bad=(404,), open=True),
    Call(method="POST", path="/oauth2/authorize", good=(302,), bad=(403, 404), open=True),
    Call(method="POST", path="/oauth2/token", bad=(401,), open=True),
)
_GROUPS: Final = (
    Call(method="GET", path="/groups", query=_PAGE),
    Call(method="POST", path="/groups", good=(201,), bad=(409,), body={"groups": TEXTS, "users": TEXTS}),
    Call(method="GET", path="/groups/{group}", bad=(404,)),
    Call(method="POST", path="/groups/{group}", good=(201,), bad=(404, 409), body={"users": TEXTS}),
    Call(method="DELETE", path="/groups/{group}", good=(204,), bad=(404,)),
    Call(method="POST", path="/groups/{group}/users", bad=(404,), body={"users": TEXTS}),
    Call(method="DELETE", path="/groups/{group}/users", bad=(404,), body={"users": TEXTS}),
    Call(method="PUT", path="/groups/{group}/properties", bad=(404,), body={}),
)
_SERVICES: Final = (
    Call(method="GET", path="/services"),
    Call(method="GET", path="/services/{service}", bad=(404,)),
    Call(method="POST", path="/services/{service}", good=(201,), bad=(400, 404, 409), body=SERVICE),
    Call(method="DELETE", path="/services/{service}", bad=(404, 405)),
)

_SHARE: Final = {"user": TEXT, "group": TEXT, "scopes": TEXTS}
_CODE: Final = {"scopes": TEXTS, "expires_in": NUMBER}
_OF_SERVER: Final = "{name}/{server}"
_SHARES: Final = (
    Call(method="GET", path="/shares/{name}", bad=(404,), query=_PAGE),
    Call(method="GET", path=f"/shares/{_OF_SERVER}", bad=(404,), query=_PAGE),
    Call(method="POST", path=f"/shares/{_OF_SERVER}", bad=(404,), body=_SHARE),
    Call(method="PATCH", path=f"/shares/{_OF_SERVER}", bad=(404,), body=_SHARE),
    Call(method="DELETE", path=f"/shares/{_OF_SERVER}", good=(204,), bad=(404,)),
    Call(method="GET", path="/share-codes/{name}", bad=(404,), query=_PAGE),
    Call(method="GET", path=f"/share-codes/{_OF_SERVER}", bad=(404,), query=_PAGE),
    Call(method="POST", path=f"/share-codes/{_OF_SERVER}", bad=(404,), body=_CODE),
    Call(
        method="DELETE",
        path=f"/share-codes/{_OF_SERVER}",
        good=(204,),
        bad=(404,),
        query={"code": TEXT, "id": TEXT},
    ),
    Call(method="GET", path="/users/{name}/shared", bad=(404,), query=_PAGE),
    Call(method="GET", path="/users/{name}/shared/{owner}/{server}", bad=(404,)),
    Call(method="DELETE", path="/users/{name}/shared/{owner}/{server}", good=(204,), bad=(404,)),
    Call(method="GET", path="/groups/{group}/shared", bad=(404,), query=_PAGE),
    Call(method="GET", path="/groups/{group}/shared/{owner}/{server}", bad=(404,)),
    Call(method="DELETE", path="/groups/{group}/shared/{owner}/{server}", good=(204,), bad=(404,)),
)

CALLS: Final = (
    *_HUB,
    *_USERS,
    *_server("/users/{name}/server"),
    *_server("/users/{name}/servers/{server}"),
    *_TOKENS,
    *_GROUPS,
    *_SERVICES,
    *_SHARES,
)
"""Every call. What it does and which scopes it needs stands at its handler."""
