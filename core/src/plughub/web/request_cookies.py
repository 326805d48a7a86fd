"""Cookies of a request, including several with the same name from different paths or domains."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Final

from tornado.httputil import HTTPServerRequest

MAX_PATH_LENGTH: Final = 200
"""Characters. A response that clears a cookie repeats the path for each domain, so long paths are skipped."""


def cookie_values(request: HTTPServerRequest, name: str) -> list[str]:
    """Return the value of each cookie with a name, in the order sent; empty for an unreadable value."""
    values = []
    for chunk in request.headers.get("Cookie", "").split(";"):
        if chunk.partition("=")[0].strip() != name:
            continue
        try:
            values.append(SimpleCookie(chunk.strip())[name].value)
        except (CookieError, KeyError):
            values.append("")
    return values


def cookie_paths(path: str) -> list[str]:
    """Return the paths whose cookies a browser sends with a request for `path`, the root first.

    Paths longer than `MAX_PATH_LENGTH` are left out.
    """
    places, below = ["/"], ""
    for part in path.split("/")[1:]:
        below += f"/{part}"
        places += [below, f"{below}/"]
    return [
        place for place in dict.fromkeys(places) if path.startswith(place) and len(place) <= MAX_PATH_LENGTH
    ]


def cookie_domains(host: str) -> list[str]:
    """Return the domains whose cookies a browser sends to a host.

    The result is empty for IP addresses and for names without a dot; `host` has no port.
    """
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in host:  # noqa: PLR2004 - a name with a dot
        return []
    return [".".join(labels[first:]) for first in range(len(labels) - 1)]
