"""What goes in and out of the hooks of a spawner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """The user of a server.

    Attributes:
        name: normalised name.
        admin: whether she is an admin.
        groups: names of her groups.
        plugin: who authenticated her last; empty when nobody has, and where it is not looked up.
        auth_state: the secrets that her authenticator saved; None when there are none, and for hooks
            other than `hub_spawn`, `hub_stop`, the options form and those of her own authenticator.
    """

    name: str
    admin: bool = False
    groups: tuple[str, ...] = ()
    plugin: str = ""
    auth_state: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server of one user.

    Attributes:
        user: whose it is.
        name: name of the server; empty for the default one.
        mark: mark of the hub; what is launched carries it, so that `hub_inventory` finds it.
        operation: id of the start that launches or launched it; what is launched carries it too.
        options: what the user chose.
        state: what the plugin saved last; empty before the first start.
        environment: variables that the single-user protocol asks for, the API token among them;
            filled for `hub_spawn` only. `environment_at` completes them with the address to bind to.
        prefix: path below which it is reached, such as ``/user/alice/lab/``.
        hub_api_url: where the server reaches the hub's API.
        public_url: address of the hub as browsers see it, empty when not known.
        url: the recorded address of the server, as in `Endpoint.url`; empty while none is recorded, and
            for `hub_spawn`.
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

    @property
    def full_name(self) -> str:
        """``user/server``, as logs and messages name it."""
        return f"{self.user.name}/{self.name}"

    @property
    def launch_marks(self) -> dict[str, str]:
        """Marks for what is launched, as environment variables or labels; no secret among them."""
        return {
            "PLUGHUB_MARK": self.mark,
            "PLUGHUB_OPERATION": self.operation,
            "PLUGHUB_SERVER": self.full_name,
        }

    def environment_at(self, url: str) -> dict[str, str]:
        """Complete the environment for a server that will listen at an address.

        Args:
            url: ``http://address:port`` to bind to; an empty address means all interfaces.

        Returns:
            The protocol's variables, the marks, and ``JUPYTERHUB_SERVICE_URL``.
        """
        bind = {"JUPYTERHUB_SERVICE_URL": f"{url}{self.prefix}"}
        return {**self.environment, **self.launch_marks, **bind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a server answers.

    Attributes:
        url: ``http://address:port`` or ``https://address:port``, without a path, as hub and proxy reach it.
        state: JSON-able, saved and handed back with every later call.
        api_token: set only when the server was resumed with a token of an earlier start. The start fails
            unless that token is still stored for this very server.
    """

    url: str
    state: Mapping[str, Any] = field(default_factory=dict)
    api_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A server that runs at another address than the recorded one: `hub_poll` returns it.

    The hub records the new address and moves the route there. While the server has no address it has no
    route either; the server itself is left running.

    Attributes:
        url: the present address, as in `Endpoint.url`; empty while the server has none.
        state: JSON-able, replaces the saved state; None keeps the saved one.
    """

    url: str
    state: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumable:
    """A server that was stopped and will go on where it was: a container that is kept, say.

    Its API token and its OAuth client are kept, too; `Endpoint.api_token` of the next start names it. When
    the token was revoked, nothing is kept. Token and client are deleted with the server and with its user,
    and when either is renamed.

    Attributes:
        state: JSON-able, saved and handed to the next start. It has to name what is resumed by something
            that is never used again, such as the id of a container: users and servers of one name may
            follow each other.
    """

    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something that runs under the hub's mark.

    Attributes:
        operation: the start that launched it.
        user: name of its user.
        server: name of the server.
        url: where it listens, as in `Endpoint`; empty when it cannot be told.
        state: the state with which it can be polled and stopped.
    """

    operation: str
    user: str
    server: str
    url: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)

    def is_of(self, user: str, server: str) -> bool:
        """Tell whether it was launched for a server.

        Args:
            user: name of the user.
            server: name of the server.

        Returns:
            Whether both names are those that it bears.
        """
        return (self.user, self.server) == (user, server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A step of a start.

    Attributes:
        percent: 0 to 100.
        message: plain text.
        html: the same with markup that the plugin vouches for.
    """

    percent: int
    message: str
    html: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnerInfo:
    """What the core has to know of a spawner.

    Attributes:
        label: what a user reads when she chooses among spawners.
        host_bound: its servers live on the machine of the hub that started them: hubs of that machine alone
            look after them, and proxies of other machines get no route to a loopback address.
        start_timeout: seconds that `hub_spawn` may take.
        http_timeout: seconds until a started server must answer HTTP.
        poll_interval: seconds between two looks at a running server; 0 for never.
        poll_jitter: fraction by which the interval varies.
        server_token_scopes: scopes of the server's own token, of those that its user holds; None for
            those of the role ``server``.
        oauth_client_allowed_scopes: scopes that the server may get on behalf of those who log in to
            it, beyond access to itself; None for no others.
    """

    label: str = ""
    host_bound: bool = False
    start_timeout: float = 60
    http_timeout: float = 30
    poll_interval: float = 30
    poll_jitter: float = 0.1
    server_token_scopes: tuple[str, ...] | None = None
    oauth_client_allowed_scopes: tuple[str, ...] | None = None


class SpawnFailed(Exception):  # noqa: N818 - it says what happened
    """A start failed for a reason that the user should read.

    Raised by a plugin. Of any other exception the user reads only that the start failed; its text is for
    administrators and the log.

    Args:
        message: what the user reads.
        detail: what administrators and the log get besides: paths, settings, commands, texts of exceptions.
        html: the same with markup that the plugin vouches for.
        status: HTTP status of the answer to a start through the API. 400 refuses the options: the next start
            without options takes those from before.
        retry: whether trying again may help.
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
    """Why a server does not answer, or has ended.

    Attributes:
        message: what the user reads; one sentence, empty when there is nothing to say.
        detail: what administrators read besides: paths, settings, commands.
    """

    message: str
    detail: str = ""
