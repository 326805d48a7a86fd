"""Read-only request handler, as which an authenticator class receives the request of a login."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Final, NoReturn

from tornado.httputil import HTTPHeaders
from tornado.web import MissingArgumentError

from plughub.kinds import RequestInfo

_REQUIRED: Final[Any] = object()


class AuthenticatorRequest:
    """Request of a login, with the attributes of tornado's ``HTTPServerRequest``.

    It is a copy without the hub's own secrets, see `plughub.kinds.RequestInfo`. Changes have no effect.

    Args:
        info: the request.

    Attributes:
        method: ``GET``, ``POST`` and so on.
        protocol: ``http`` or ``https``.
        host: host and port.
        host_name: the host alone.
        path: path of the URL.
        query: query of the URL.
        uri: path and query.
        remote_ip: address of the browser.
        headers: tornado's ``HTTPHeaders``.
        cookies: cookies by name, each with a ``value``.
        query_arguments: lists of bytes by name, from the URL.
        body_arguments: lists of bytes by name, from the login form.
        arguments: both.
    """

    def __init__(self, info: RequestInfo) -> None:
        self.method, self.protocol, self.remote_ip = info.method, info.protocol, info.remote_ip
        self.host, self.path, self.uri = info.host, info.path, info.uri
        self.host_name = info.host.rpartition(":")[0] if info.host.rpartition(":")[2].isdigit() else info.host
        self.query = info.uri.partition("?")[2]
        self.headers = HTTPHeaders()
        for name, value in info.headers:
            self.headers.add(name, value)
        self.cookies: SimpleCookie = SimpleCookie()
        for name, value in info.cookies.items():
            self.cookies[name] = value
        self.query_arguments, self.body_arguments = _encoded(info.query), _encoded(info.form)
        self.arguments = {name: list(values) for name, values in self.query_arguments.items()}
        for name, values in self.body_arguments.items():
            self.arguments.setdefault(name, []).extend(values)

    def full_url(self) -> str:
        """Return the whole URL."""
        return f"{self.protocol}://{self.host}{self.uri}"


@dataclass(frozen=True)
class AuthenticatorHub:
    """Facts about the hub.

    Attributes:
        base_url: path prefix of the hub, such as ``/hub/``.
    """

    base_url: str

    @property
    def server(self) -> AuthenticatorHub:
        """The same: ``hub.server.base_url`` is ``hub.base_url``."""
        return self


@dataclass(frozen=True)
class AuthenticatorHandler:
    """Read-only request handler of a login.

    It has the methods of tornado's ``RequestHandler`` that read the request, and none that answers it.

    Attributes:
        request: the request.
        hub: facts about the hub.
        authenticator: the authenticator.
        log: log of the authenticator.
    """

    request: AuthenticatorRequest
    hub: AuthenticatorHub
    authenticator: Any = field(default=None, repr=False)
    log: Any = field(default_factory=lambda: logging.getLogger("plughub.authenticator"), repr=False)

    def get_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """Return the last value of an argument of the form or the URL.

        Args:
            name: its name.
            default: the result if it is missing.
            strip: remove white space around it.

        Raises:
            tornado.web.MissingArgumentError: it is missing, and no default is given.
        """
        return _last(self.request.arguments, name, default, strip=strip)

    def get_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Return all values of an argument of the form or the URL."""
        return _all(self.request.arguments, name, strip=strip)

    def get_query_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """Return the last value of an argument of the URL, like `get_argument`."""
        return _last(self.request.query_arguments, name, default, strip=strip)

    def get_query_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Return all values of an argument of the URL."""
        return _all(self.request.query_arguments, name, strip=strip)

    def get_body_argument(self, name: str, default: Any = _REQUIRED, strip: bool = True) -> Any:
        """Return the last value of a field of the form, like `get_argument`."""
        return _last(self.request.body_arguments, name, default, strip=strip)

    def get_body_arguments(self, name: str, strip: bool = True) -> list[str]:
        """Return all values of a field of the form."""
        return _all(self.request.body_arguments, name, strip=strip)

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a cookie, which is never one of the hub's own."""
        found = self.request.cookies.get(name)
        return default if found is None else found.value

    @property
    def cookies(self) -> SimpleCookie:
        """Cookies by name, each with a ``value``."""
        return self.request.cookies

    def __getattr__(self, name: str) -> NoReturn:
        """Explain a missing attribute."""
        raise AttributeError(
            f"the handler of an authenticator has no attribute {name!r}: it is a read-only copy of the "
            "request, with request, hub, log, authenticator, get_argument, get_cookie and the like. To "
            "answer requests, register pages with hub_register_pages"
        )


def handler_of(info: RequestInfo | None, base_url: str, authenticator: Any) -> AuthenticatorHandler | None:
    """Create the handler for a method of an authenticator; None without a request.

    Args:
        info: the request.
        base_url: prefix of the hub.
        authenticator: the authenticator.
    """
    if info is None:
        return None
    return AuthenticatorHandler(
        AuthenticatorRequest(info), AuthenticatorHub(base_url), authenticator, authenticator.log
    )


def _encoded(arguments: Mapping[str, tuple[str, ...]]) -> dict[str, list[bytes]]:
    return {name: [value.encode() for value in values] for name, values in arguments.items()}


def _all(arguments: Mapping[str, list[bytes]], name: str, *, strip: bool) -> list[str]:
    values = [value.decode() for value in arguments.get(name, ())]
    return [value.strip() for value in values] if strip else values


def _last(arguments: Mapping[str, list[bytes]], name: str, default: Any, *, strip: bool) -> Any:
    values = _all(arguments, name, strip=strip)
    if values:
        return values[-1]
    if default is _REQUIRED:
        raise MissingArgumentError(name)
    return default
