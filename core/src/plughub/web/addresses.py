"""Absolute addresses of the hub; the host that a request names is trusted only if known otherwise."""

from __future__ import annotations

from typing import Final

from tornado.httputil import HTTPServerRequest

from plughub.domain.origins import host_of, normal_origin
from plughub.services.settings import HubSettings
from plughub.web.forwarded_headers import is_from_named_proxy

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def absolute(settings: HubSettings, request: HTTPServerRequest, path: str) -> str:
    """Return an absolute address of the hub for the sender of a request.

    The origin is the requested one when that is internal, else the public one. Without a configured public
    address it is the origin that a trusted proxy was asked for; without such a proxy, only the path is
    returned.

    Args:
        settings: of the hub.
        request: the request.
        path: including the base URL and, optionally, a query.
    """
    origin = normal_origin(f"{request.protocol}://{request.host}")
    internal = {normal_origin(settings.api_url), normal_origin(settings.hub_url)}
    public = settings.origins.hub or normal_origin(settings.public_url)
    known = origin in internal or host_of(origin) in _THIS_MACHINE
    known = known or (not public and is_from_named_proxy(request))
    return f"{origin if known else public}{path}"
