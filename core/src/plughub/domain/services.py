"""Services: programs that use the API in their own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from plughub.domain.timings import SERVICE_ANSWER_SECONDS

CLIENT_PREFIX: Final = "service-"
"""Prefix of the OAuth client ids of services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Stored service.

    Attributes:
        id: key of the row.
        name: its name.
        url: its address; empty if it is not a web service.
        admin: whether it was declared with all permissions of admins.
        info: arbitrary notes of administrators.
        display: whether pages list it.
        roles: sorted names of its roles.
        scopes: unexpanded scopes of those roles.
        command: command with which the hub starts it; empty for an external service.
        timeout: seconds within which it must answer.
        pid: id of the process that the hub started; None if there is none.
        host: the machine on which the hub started it; empty for an external service.
        from_config: whether the config file defines it.
        oauth_client_id: its OAuth client; empty for none.
    """

    id: int
    name: str
    url: str = ""
    admin: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)
    display: bool = True
    roles: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    command: tuple[str, ...] = ()
    timeout: int = SERVICE_ANSWER_SECONDS
    pid: int | None = None
    host: str = ""
    from_config: bool = True
    oauth_client_id: str = ""

    @property
    def target(self) -> str:
        """Target of its route: scheme, host and port."""
        return target_of(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDeclaration:
    """Service as declared by a config file or an API call.

    Attributes:
        name: its name.
        url: its address; empty if it is not a web service.
        admin: whether it has all permissions of admins.
        api_token: its token; empty for none, or for one that the hub creates.
        more_tokens: additional tokens.
        info: arbitrary notes of administrators.
        display: whether pages list it.
        command: program and arguments with which the hub starts it; empty for an external service.
        cwd: working directory; empty for the hub's, or the home of its system user.
        environment: additional environment variables.
        user: system user of its process; empty for the hub's.
        timeout: seconds within which it must answer.
        oauth_client_id: its OAuth client; empty for none.
        oauth_redirect_uri: the only address to which codes are sent; empty for the one below its prefix.
        oauth_no_confirm: whether the consent page is skipped.
        oauth_scopes: unexpanded scopes that its tokens for users may have.
        oauth_roles: roles that supply these scopes if none are named.
        from_config: whether the config file defines it.
    """

    name: str
    url: str = ""
    admin: bool = False
    api_token: str = field(default="", repr=False)
    more_tokens: tuple[str, ...] = field(default=(), repr=False)
    info: Mapping[str, Any] = field(default_factory=dict)
    display: bool = True
    command: tuple[str, ...] = ()
    cwd: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    user: str = ""
    timeout: int = SERVICE_ANSWER_SECONDS
    oauth_client_id: str = ""
    oauth_redirect_uri: str = ""
    oauth_no_confirm: bool = False
    oauth_scopes: tuple[str, ...] = ()
    oauth_roles: tuple[str, ...] = ()
    from_config: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLife:
    """State of a service that runs or should run.

    Attributes:
        name: name of the service.
        host: the machine on which the hub started it; empty for an external service.
        launch: id of that start; empty if nothing runs.
        digest: digest of its configuration; the service is restarted if it changes.
        pid: process id; None if a start was stored but not finished.
        started: start of the process, which distinguishes it from a later one with the same id.
        since: time of the start, in seconds since the epoch.
        answers: whether it answered the last check; None before the first one.
        routed: whether it has answered and requests are routed to it.
    """

    name: str
    host: str = ""
    launch: str = ""
    digest: str = ""
    pid: int | None = None
    started: str = ""
    since: float = 0.0
    answers: bool | None = None
    routed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """Service with its observed state.

    Attributes:
        service: the service.
        state: ``answers``, ``silent``, ``running``, ``stopped``, or ``unknown`` before the first check; empty
            for a service that the hub neither starts nor checks.
        since: time of the start in seconds since the epoch; 0 if the hub did not start it.
    """

    service: Service
    state: str = ""
    since: float = 0.0


def target_of(url: str) -> str:
    """Return scheme, host and port of an address, such as ``http://127.0.0.1:9000``; empty if it has none."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
