"""Absolute addresses of the hub. The host that a request names is believed only where it is known anyway."""

from __future__ import annotations

from typing import Final

from tornado.httputil import HTTPServerRequest

from plughub.domain.origins import host_of, normal_origin
from plughub.services.settings import HubSettings
from plughub.web.forwarded_headers import is_from_named_proxy

_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def absolute(settings: HubSettings, request: HTTPServerRequest, path: str) -> str:
    """Give an address of the hub for whoever made a request.

    Args:
        settings: of the hub.
        request: the request.
        path: with the base URL, and perhaps a query.

    Returns:
        The address, with the origin that was asked when it is an internal one, else with the public one.
        While no public address is configured, with the origin that a named proxy was asked for; else the
        path alone.
    """
    asked = normal_origin(f"{request.protocol}://{request.host}")
    internal = {normal_origin(settings.api_url), normal_origin(settings.hub_url)}
    public = settings.origins.hub or normal_origin(settings.public_url)
    known = asked in internal or host_of(asked) in _THIS_MACHINE
    known = known or (not public and is_from_named_proxy(request))
    return f"{asked if known else public}{path}"
