"""Parsing of services from config files and API calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from plughub.domain.errors import InvalidError
from plughub.domain.names import shorten
from plughub.domain.services import CLIENT_PREFIX, ServiceDeclaration
from plughub.domain.timings import SERVICE_ANSWER_SECONDS
from plughub.domain.tokens import check_given_token

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.~-]{0,254}")
_LONGEST: Final = {"url": 2047, "cwd": 4095, "user": 255, "oauth_client_id": 255, "oauth_redirect_uri": 1023}
_TEXTS: Final = ("url", "api_token", "cwd", "user", "oauth_client_id", "oauth_redirect_uri")
_FLAGS: Final = ("admin", "display", "oauth_no_confirm")
_LISTS: Final = ("oauth_client_allowed_scopes", "oauth_roles")
_OBJECTS: Final = ("info", "environment")
_KEYS: Final = frozenset({"name", "command", "timeout", *_TEXTS, *_FLAGS, *_LISTS, *_OBJECTS})
_OF_MANAGED: Final = ("cwd", "environment", "user")


def read_services(
    given: Iterable[Any], tokens: Mapping[str, str] | None = None
) -> tuple[ServiceDeclaration, ...]:
    """Parse the services of a config file.

    Args:
        given: dicts, one for each service.
        tokens: names of services by additional tokens; a service that is only named here is external.

    Raises:
        InvalidError: a service is invalid or declared twice; the message contains no token.
    """
    found: dict[str, ServiceDeclaration] = {}
    for spec in given:
        service = read_service(spec)
        if service.name in found:
            raise InvalidError(f"service {service.name!r} is declared twice")
        found[service.name] = service
    for token, name in (tokens or {}).items():
        service = found.get(name) or read_service({"name": name})
        _check_token(token, f"a token of service {name!r} in service_tokens")
        found[name] = replace(service, more_tokens=(*service.more_tokens, token))
    return tuple(found.values())


def read_service(spec: Any, *, from_config: bool = True) -> ServiceDeclaration:
    """Parse one service.

    Args:
        spec: a dict.
        from_config: whether the config file defines it; only such services may have a command.

    Raises:
        InvalidError: it is invalid; the message contains no token.
    """
    if not isinstance(spec, Mapping) or not isinstance(spec.get("name"), str):
        raise InvalidError(f"a service must be a dict with a name, not {type(spec).__name__}")
    name = spec["name"]
    if not _NAME.fullmatch(name):
        raise InvalidError(f"invalid service name {shorten(name)}: letters, digits and - _ . ~")
    if unknown := sorted(map(str, set(spec) - _KEYS)):
        shown = ", ".join(shorten(key) for key in unknown[:10])
        raise InvalidError(f"service {name!r} has unknown keys: {shown}")
    facts = {key: value for key, value in spec.items() if value is not None}
    _check_types(name, facts)
    command = _command(name, facts.get("command", ()))
    if command and not from_config:
        raise InvalidError(f"service {name!r} has 'command', which only the config file may set")
    if from_config and not command and (lost := [key for key in _OF_MANAGED if facts.get(key)]):
        raise InvalidError(f"service {name!r} has {lost[0]!r} without 'command': the hub does not start it")
    if facts.get("api_token"):
        _check_token(facts["api_token"], f"the api_token of service {name!r}")
    return ServiceDeclaration(
        name=name,
        url=_url(name, facts.get("url", "")),
        admin=facts.get("admin", False),
        api_token=facts.get("api_token", ""),
        info=dict(facts.get("info", {})),
        display=facts.get("display", True),
        command=command,
        cwd=facts.get("cwd", ""),
        environment={key: str(value) for key, value in facts.get("environment", {}).items()},
        user=facts.get("user", ""),
        timeout=_timeout(name, facts.get("timeout", SERVICE_ANSWER_SECONDS)),
        oauth_client_id=_client_id(name, facts),
        oauth_redirect_uri=facts.get("oauth_redirect_uri", ""),
        oauth_no_confirm=facts.get("oauth_no_confirm", False),
        oauth_scopes=tuple(facts.get("oauth_client_allowed_scopes", ())),
        oauth_roles=tuple(facts.get("oauth_roles", ())),
        from_config=from_config,
    )


def _check_types(name: str, facts: Mapping[str, Any]) -> None:
    kinds = {
        **dict.fromkeys(_TEXTS, (str, "a string")),
        **dict.fromkeys(_FLAGS, (bool, "a boolean")),
        **dict.fromkeys(_LISTS, ((list, tuple, set, frozenset), "a list of strings")),
        **dict.fromkeys(_OBJECTS, (Mapping, "a dict")),
    }
    for key, value in facts.items():
        kind, words = kinds.get(key, (object, ""))
        good = isinstance(value, kind)  # type: ignore[arg-type]
        if key in _LISTS and good:
            good = all(isinstance(item, str) for item in value)
        if not good:
            raise InvalidError(f"{key} of service {name!r} must be {words}")
        if isinstance(value, str) and not value.isprintable():
            raise InvalidError(f"{key} of service {name!r} contains unprintable characters")
        if len(value) > _LONGEST[key] if key in _LONGEST else False:
            raise InvalidError(f"{key} of service {name!r} has more than {_LONGEST[key]} characters")


def _command(name: str, value: Any) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) and value else value
    if not isinstance(words, list | tuple) and words:
        raise InvalidError(f"command of service {name!r} must be a list of program and arguments")
    if any(not isinstance(word, str) for word in words):
        raise InvalidError(f"command of service {name!r} must be a list of strings")
    return tuple(words)


def _url(name: str, url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username or any(sign.isspace() for sign in url):
        raise InvalidError(
            f"url of service {name!r} must be http:// or https:// with a host and a port",
            hint="such as http://127.0.0.1:10101",
        )
    return url


def _timeout(name: str, value: Any) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 86400:  # noqa: PLR2004 - a day
        raise InvalidError(f"timeout of service {name!r} must be a number of seconds above 0")
    return max(1, int(value))


def _client_id(name: str, facts: Mapping[str, Any]) -> str:
    """Return the id of the OAuth client; a service without an address for redirects has none."""
    given: str = facts.get("oauth_client_id", "")
    if given and not given.startswith(CLIENT_PREFIX):
        raise InvalidError(f"oauth_client_id of service {name!r} must begin with {CLIENT_PREFIX!r}")
    if facts.get("url") or facts.get("oauth_redirect_uri"):
        return given or f"{CLIENT_PREFIX}{name}"
    if given or facts.get("oauth_no_confirm"):
        raise InvalidError(
            f"service {name!r} has OAuth settings but no url, and therefore needs oauth_redirect_uri"
        )
    return ""


def _check_token(token: str, what: str) -> None:
    try:
        check_given_token(token)
    except InvalidError as error:
        raise InvalidError(f"{what}: {error.message}") from error
