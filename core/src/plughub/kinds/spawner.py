"""Records that the hooks of a spawner take and return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """User of the hub.

    Attributes:
        name: the normalised username.
        admin: whether the user is an admin.
        groups: names of the user's groups.
        plugin: the authenticator of the user's last login; empty if there was none or it was not looked up.
        auth_state: the secrets that the user's authenticator saved; None if there are none, and for hooks
            other than `hub_spawn`, `hub_stop`, those of the start page and those of that authenticator.
        id: number of the user in this hub, which stays when the user is renamed; 0 before the user is
            stored. It may be given to another user after the user was deleted.
    """

    name: str
    admin: bool = False
    groups: tuple[str, ...] = ()
    plugin: str = ""
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Server of a user.

    Attributes:
        user: its owner.
        name: name of the server; empty for the default one.
        mark: mark of the hub. Attach it to everything that is launched, so that `hub_inventory` finds it.
        operation: id of the start that launches or launched it. Attach it to everything that is launched.
        options: options that the user chose.
        state: what the plugin saved last; empty before the first start.
        environment: variables of the single-user protocol, among them the API token; set for `hub_spawn`
            only. `environment_at` completes them with the address to bind to.
        prefix: path of the server behind the proxy, such as ``/user/alice/lab/``.
        hub_api_url: address of the hub's API for the server.
        public_url: address of the hub for browsers; empty if unknown.
        url: the recorded address of the server, as in `Endpoint.url`; empty while none is recorded, and
            for `hub_spawn`.
        last_activity: time of the server's last known activity; None if there was none.
        starting: the hub waits for the first answer of the launched server; for `hub_poll` and the hooks
            called meanwhile.
    """

    user: UserInfo
    name: str = ""
    mark: str = ""
    operation: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    prefix: str = "/"
    hub_api_url: str = ""
    public_url: str = ""
    url: str = ""
    last_activity: datetime | None = None
    starting: bool = False

    @property
    def full_name(self) -> str:
        """``user/server``, the name in logs and messages."""
        return f"{self.user.name}/{self.name}"

    @property
    def launch_marks(self) -> dict[str, str]:
        """Marks to attach to everything that is launched, as environment variables or labels. No secrets."""
        return {
            "PLUGHUB_MARK": self.mark,
            "PLUGHUB_OPERATION": self.operation,
            "PLUGHUB_SERVER": self.full_name,
        }

    def environment_at(self, url: str) -> dict[str, str]:
        """Return the environment of a server that will listen at an address.

        Args:
            url: ``http://address:port`` to bind to; an empty address means all interfaces.

        Returns:
            The variables of the protocol, the marks, and ``JUPYTERHUB_SERVICE_URL``.
        """
        bind = {"JUPYTERHUB_SERVICE_URL": f"{url}{self.prefix}"}
        return {**self.environment, **self.launch_marks, **bind}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveServers:
    """Numbers of active servers: those that run, start or stop.

    Attributes:
        user: those of the user.
        groups: those of all members of a group, by name; for each group of the user.
    """

    user: int = 0
    groups: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Address and state of a started server.

    Attributes:
        url: ``http://address:port`` or ``https://address:port``, without a path, for hub and proxy.
        state: JSON-able state, saved and passed to every later call.
        api_token: set only if the server was resumed with the token of an earlier start. The start fails
            unless that token is still stored for this server.
        cpus: CPU cores that the server may use, for usage accounting; None for no limit, or if unknown.
        memory: bytes of memory that the server may use, for usage accounting; None likewise.
        ends_in: seconds from now after which the backend ends the server, such as the time limit of a batch
            job, for the user to know; None for never, or if unknown.
    """

    url: str
    state: Mapping[str, Any] = field(default_factory=dict)
    api_token: str | None = field(default=None, repr=False)
    cpus: float | None = None
    memory: int | None = None
    ends_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Result of `hub_poll` for a server that runs at another address than the recorded one.

    The hub records the new address and moves the route there. While the server has no address it has no
    route; the server itself keeps running.

    Attributes:
        url: the current address, as in `Endpoint.url`; empty while the server has none.
        state: JSON-able state that replaces the saved one; None keeps the saved one.
    """

    url: str
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """Result of `hub_poll` for a server that runs at the recorded address and is watched in this process.

    `hub_watch` reports when it ends, and within a poll interval when another process may listen at its
    address. The hub therefore polls it ten times less often.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """Stopped server that the next start resumes, for example a container that is kept.

    Its API token and its OAuth client are kept as well, and the next start returns the token in
    `Endpoint.api_token`. If the token was revoked, nothing is kept. Token and client are deleted with the
    server or its user, and when either is renamed.

    Attributes:
        state: JSON-able state, saved and passed to the next start. It must identify the stopped server by
            something that is never reused, such as the id of a container, because a later user or server
            may have the same name.
    """

    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Process, container or job that runs under the hub's mark.

    Attributes:
        operation: id of the start that launched it.
        user: name of its user.
        server: name of the server.
        url: its address, as in `Endpoint`; empty if unknown, or if it was resumed with the token of an
            earlier start. The hub continues the start of a server with an address, and starts any other
            again.
        state: the state with which it can be polled and stopped.
    """

    operation: str
    user: str
    server: str
    url: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)

    def is_of(self, user: str, server: str) -> bool:
        """Return whether it was launched for this server of this user."""
        return (self.user, self.server) == (user, server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Progress report of a start.

    Attributes:
        percent: 0 to 100.
        message: plain text.
        html: the same text with markup, which the hub does not escape.
        state: JSON-able state to save at once, with which `hub_stop` can stop what `hub_spawn` has launched
            so far. A spawner without `hub_inventory` needs it when a hub takes over a start from one that was
            killed. None leaves the saved state as it is. Ignored once `hub_spawn` has returned.
    """

    percent: int
    message: str
    html: str = ""
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnerInfo:
    """Features and time limits of a spawner.

    Attributes:
        label: name of the spawner on the start page, if users can choose between spawners.
        description: what it is meant for, on the start page.
        hub_url: URL at which its servers connect to the hub; empty for that of the hub.
        own_accounts: whether its servers run as system users other than the hub's.
        host_bound: whether its servers run on the machine of the hub process that started them. Only hub
            processes of that machine manage them, and proxies of other machines get no route to a loopback
            address.
        start_timeout: time limit of `hub_spawn` in seconds.
        http_timeout: seconds until a started server must answer HTTP.
        poll_interval: seconds between two polls of a running server; 0 for never.
        poll_jitter: fraction by which the interval varies randomly.
        server_token_scopes: scopes of the server's own token, limited to those of its user; None for those of
            the role ``server``.
        oauth_client_allowed_scopes: scopes beyond access to itself that the server may request from users
            who log in to it; None for no others.
    """

    label: str = ""
    description: str = ""
    hub_url: str = ""
    own_accounts: bool = False
    host_bound: bool = False
    start_timeout: float = 60
    http_timeout: float = 30
    poll_interval: float = 30
    poll_jitter: float = 0.1
    server_token_scopes: tuple[str, ...] | None = None
    oauth_client_allowed_scopes: tuple[str, ...] | None = None


class SpawnFailed(Exception):  # noqa: N818 - public name
    """Failure of a start for a reason that the user should read; raised by plugins.

    The text of any other exception goes only to administrators and the log, and the user reads that the start
    failed.

    Args:
        message: the message that the user reads.
        detail: more for administrators and the log: paths, settings, commands, texts of exceptions.
        html: the message with markup, which the hub does not escape.
        status: HTTP status of the answer to a start through the API. 400 rejects the options: the next start
            without options uses the previous ones.
        retry: whether another attempt may help.
    """

    def __init__(
        self, message: str, *, detail: str = "", html: str = "", status: int = 500, retry: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.html = html
        self.status = status
        self.retry = retry

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Explanation why a server does not answer or has ended.

    Attributes:
        message: one sentence for the user; may be empty.
        detail: more for administrators: paths, settings, commands.
    """

    message: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resources that a running server uses. None means unknown, or no limit; report what is cheap to read.

    Attributes:
        cpu: cores in use, averaged over a short time: 1.5 is one and a half cores. Leave it out if
            `cpu_seconds` is given: the hub then computes it from two readings.
        cpu_seconds: CPU time in seconds that all processes of the server have used since its start.
        cpu_limit: cores that the server may use.
        memory: bytes of memory in use, without cached files that the system can drop.
        memory_limit: bytes of memory that the server may use.
        disk: bytes in use on the server's disk.
        disk_limit: bytes that the server may use there.
    """

    cpu: float | None = None
    cpu_seconds: float | None = None
    cpu_limit: float | None = None
    memory: float | None = None
    memory_limit: float | None = None
    disk: float | None = None
    disk_limit: float | None = None
