"""Services: programs that use the API in their own name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.tokens import check_given_token

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,254}")
_KEYS: Final = {"name", "url", "admin", "api_token", "info", "display"}
_MANAGED: Final = {"command", "cwd", "environment", "user"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service, as stored.

    Attributes:
        id: key of the row.
        name: its name.
        url: where it listens; empty when it is no web service.
        admin: it was declared with all that admins may do.
        info: whatever an administrator notes.
        display: pages list it.
        roles: names of its roles, sorted.
        scopes: scopes of those roles, not expanded.
    """

    id: int
    name: str
    url: str = ""
    admin: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    display: bool = True
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDeclaration:
    """A service of a config file.

    Attributes:
        name: its name.
        url: where it listens; empty when it is no web service.
        admin: it may do all that admins may.
        api_token: the token that it sends; empty for none.
        info: whatever an administrator notes.
        display: pages list it.
    """

    name: str
    url: str = ""
    admin: bool = False
    api_token: str = field(default="", repr=False)
    info: Mapping[str, Any] = field(default_factory=dict)
    display: bool = True


def read_services(given: Iterable[Any]) -> tuple[ServiceDeclaration, ...]:
    """Read the services of a config file.

    Args:
        given: dicts with name, url, admin, api_token, info and display.

    Returns:
        The services.

    Raises:
        InvalidError: a service is not good, or is there twice; the message holds no token.
    """
    found: dict[str, ServiceDeclaration] = {}
    for spec in given:
        service = _read(spec)
        if service.name in found:
            raise InvalidError(f"service {service.name!r} is declared twice")
        found[service.name] = service
    return tuple(found.values())


def _read(spec: Any) -> ServiceDeclaration:
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise InvalidError(f"a service is a dict with a name, and not {type(spec).__name__}")
    name = spec["name"]
    if not _NAME.fullmatch(name):
        raise InvalidError(f"invalid service name {shorten(name)}: letters, digits and - _ . ~")
    if managed := sorted(_MANAGED & set(spec)):
        raise InvalidError(f"service {name!r} has {managed[0]!r}: services are not started by this hub")
    if unknown := sorted(set(spec) - _KEYS):
        raise InvalidError(f"service {name!r} has unknown keys: {', '.join(unknown)}")
    token = str(spec.get("api_token") or "")
    if token:
        try:
            check_given_token(token)
        except InvalidError as error:
            raise InvalidError(f"the api_token of service {name!r}: {error.message}") from error
    return ServiceDeclaration(
        name=name,
        url=str(spec.get("url") or ""),
        admin=bool(spec.get("admin")),
        api_token=token,
        info=dict(spec.get("info") or {}),
        display=bool(spec.get("display", True)),
    )
