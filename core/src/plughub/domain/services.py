"""Services: programs that use the API in their own name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

DEFAULT_TIMEOUT: Final = 30
"""Seconds in which a service has to answer."""
CLIENT_PREFIX: Final = "service-"
"""What the OAuth client of every service begins with."""


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
        command: with which the hub starts it; empty when somebody else does.
        timeout: seconds in which it has to answer.
        pid: of the process that the hub started; None when there is none.
        host: the machine on which the hub started it; empty when it did not.
        from_config: it stands in the config file, and not only in the database.
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
    timeout: int = DEFAULT_TIMEOUT
    pid: int | None = None
    host: str = ""
    from_config: bool = True
    oauth_client_id: str = ""

    @property
    def target(self) -> str:
        """Where requests for it go: scheme, host and port."""
        return target_of(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDeclaration:
    """A service as a config file or a call of the API describes it.

    Attributes:
        name: its name.
        url: where it listens; empty when it is no web service.
        admin: it may do all that admins may.
        api_token: the token that it sends; empty for none, or for one that the hub makes.
        more_tokens: further tokens that it may send.
        info: whatever an administrator notes.
        display: pages list it.
        command: program and arguments with which the hub starts it; empty when somebody else does.
        cwd: the folder in which it is started; empty for the hub's, or the home of its user.
        environment: further variables.
        user: system user as whom it runs; empty for the hub's.
        timeout: seconds in which it has to answer.
        oauth_client_id: its OAuth client; empty for none.
        oauth_redirect_uri: the only address to which a code is sent; empty for the one below its prefix.
        oauth_no_confirm: visitors are not asked.
        oauth_scopes: what its tokens for visitors may hold, not expanded.
        oauth_roles: roles whose scopes these are, when none are named.
        from_config: it stands in the config file.
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
    timeout: int = DEFAULT_TIMEOUT
    oauth_client_id: str = ""
    oauth_redirect_uri: str = ""
    oauth_no_confirm: bool = False
    oauth_scopes: tuple[str, ...] = ()
    oauth_roles: tuple[str, ...] = ()
    from_config: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLife:
    """What is known of a service that runs, or should.

    Attributes:
        name: of the service.
        host: the machine on which the hub started it; empty when it did not.
        launch: id of that start; empty when nothing runs.
        digest: of all that it was started with; it is started anew when that changes.
        pid: process id; None when the start was written down and not finished.
        started: tells the process from a later one with the same id.
        since: when it was started, in seconds since the epoch.
        answers: whether it answered when it was asked last; None before that.
        routed: it has answered, so requests are led to it.
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


def target_of(url: str) -> str:
    """Cut an address down to scheme, host and port.

    Args:
        url: the address; may be empty.

    Returns:
        Such as ``http://127.0.0.1:9000``.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
