"""From routespecs to the paths of configurable-http-proxy and back."""

from __future__ import annotations

from urllib.parse import quote, unquote

from plughub.names import quote_path


def path_of(routespec: str) -> str:
    """Give the escaped path under which the API knows a route.

    Args:
        routespec: ``/path/``, or ``host/path/``, whose host becomes the first part of the path.

    Returns:
        A path with a slash at the beginning and none at the end; empty for ``/``.
    """
    plain = unquote(routespec, errors="surrogateescape").strip("/")
    return "/" + quote(plain, safe="/", errors="surrogateescape") if plain else ""


def routespec_of(path: str, *, host_routing: bool) -> str:
    """Guess the routespec of a path that somebody else added.

    Args:
        path: as the API lists it, not escaped.
        host_routing: whether the first part of it is a host.

    Returns:
        The routespec.
    """
    escaped = "/".join(map(quote_path, path.strip("/").split("/")))
    spec = f"{escaped}/" if escaped else ""
    return spec if host_routing else f"/{spec}"
