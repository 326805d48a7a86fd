"""Conversion between routespecs and the paths of configurable-http-proxy."""

from __future__ import annotations

from urllib.parse import quote, unquote

from plughub.names import quote_path


def path_of(routespec: str) -> str:
    """Return the escaped API path of a route, without a trailing slash; empty for ``/``.

    Args:
        routespec: ``/path/``, or ``host/path/``, whose host becomes the first part of the path.
    """
    plain = unquote(routespec, errors="surrogateescape").strip("/")
    return "/" + quote(plain, safe="/", errors="surrogateescape") if plain else ""


def routespec_of(path: str, *, host_routing: bool) -> str:
    """Guess the routespec of a path that another client added.

    Args:
        path: unescaped path, as the API lists it.
        host_routing: whether its first part is a host.
    """
    escaped = "/".join(map(quote_path, path.strip("/").split("/")))
    spec = f"{escaped}/" if escaped else ""
    return spec if host_routing else f"/{spec}"
