"""The cookies that a browser sent, each of them: several of one name may come from several paths or hosts."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Final

from tornado.httputil import HTTPServerRequest

MAX_PLACE: Final = 200
"""Characters; an answer names several paths for several domains."""


def values_of(request: HTTPServerRequest, name: str) -> list[str]:
    """List the values of a cookie.

    Args:
        request: the request.
        name: of the cookie.

    Returns:
        A value for each cookie of that name, in the order in which they were sent.
    """
    values = []
    for chunk in request.headers.get("Cookie", "").split(";"):
        if chunk.partition("=")[0].strip() != name:
            continue
        try:
            values.append(SimpleCookie(chunk.strip())[name].value)
        except (CookieError, KeyError):
            values.append("")
    return values


def places_of(path: str) -> list[str]:
    """List the paths for which a cookie can be set that a request for a path carries.

    Args:
        path: of a request.

    Returns:
        The paths, the root first; none that is longer than `MAX_PLACE`.
    """
    places, below = ["/"], ""
    for part in path.split("/")[1:]:
        below += f"/{part}"
        places += [below, f"{below}/"]
    return [place for place in dict.fromkeys(places) if path.startswith(place) and len(place) <= MAX_PLACE]


def domains_of(host: str) -> list[str]:
    """List the domains for which a cookie can be set that a host receives.

    Args:
        host: name of the host, without a port.

    Returns:
        The host and the domains above it with a dot in them; none for an address or a name without a dot.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:  # noqa: PLR2004 - a name with a dot
        return []
    return [".".join(labels[first:]) for first in range(len(labels) - 1)]
