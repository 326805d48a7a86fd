"""Copy of a request for authenticators, without the hub's own secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from tornado.web import RequestHandler

from plughub.kinds import RequestInfo
from plughub.services.users.login_links import FIELD
from plughub.web.cookies import HOST
from plughub.web.protocol import XSRF_COOKIE

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie", "x-xsrftoken"})
_SECRET_ARGUMENTS: Final = frozenset({XSRF_COOKIE, FIELD})
_SECRET_COOKIES: Final = ("jupyterhub-", XSRF_COOKIE)
"""Prefixes of the names of cookies of this hub, its servers, and other hubs on the same host."""


def request_info(handler: RequestHandler, *, form: bool = False) -> RequestInfo:
    """Copy the request of a handler.

    Args:
        handler: the handler.
        form: copy the fields of the submitted form too.
    """
    request = handler.request
    cookies = {
        name: morsel
        for name, morsel in request.cookies.items()
        if not name.removeprefix(HOST).startswith(_SECRET_COOKIES)
    }
    sent = [(name, value) for name, value in request.headers.get_all() if name.lower() not in _SECRET_HEADERS]
    if cookies:
        sent.append(("Cookie", "; ".join(f"{name}={morsel.coded_value}" for name, morsel in cookies.items())))
    return RequestInfo(
        method=request.method or "",
        protocol=request.protocol,
        host=request.host,
        path=request.path,
        remote_ip=request.remote_ip or "",
        headers=tuple(sent),
        cookies=MappingProxyType({name: morsel.value for name, morsel in cookies.items()}),
        query=_texts(request.query_arguments),
        form=_texts(request.body_arguments if form else {}),
    )


def _texts(arguments: Mapping[str, Sequence[bytes]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType(
        {
            name: tuple(value.decode("utf-8", "replace") for value in values)
            for name, values in arguments.items()
            if name not in _SECRET_ARGUMENTS
        }
    )
