"""Users, as handlers for JupyterHub see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self

from plughub.handlers import TemplateUser
from plughub_jupyterhub.page_loop import at_home, blocking_at_home

if TYPE_CHECKING:
    from plughub.domain.servers import ServerRecord
    from plughub.domain.users import User
    from plughub.services.composition import HubServices


@dataclass(frozen=True, slots=True)
class PageServer:
    """Facts about a server.

    Attributes:
        name: name of the server; empty for the default one.
        ready: whether it can be opened.
        active: whether it is starting, running or stopping.
        pending: ``spawn`` or ``stop`` during an operation; None otherwise.
        url: path at which browsers open it.
    """

    name: str
    ready: bool
    active: bool
    pending: str | None
    url: str

    @classmethod
    def of(cls, server: ServerRecord, url: str) -> Self:
        """Return the facts about a server."""
        return cls(server.name, server.ready, server.active, server.pending or None, url)

    @property
    def server(self) -> Self | None:
        """The server itself if it is running, for ``if spawner.server``; None otherwise."""
        return self if self.ready else None


class PageUser(TemplateUser):
    """User whom the hub knows.

    Args:
        user: the user.
        services: services of the hub.

    Attributes:
        kind: ``user``.
        cookie_id: id in the cookies of the user.
    """

    kind = "user"

    def __init__(self, user: User, services: HubServices) -> None:
        super().__init__(user, services.settings)
        self._user = user
        self._services = services
        self.cookie_id = user.cookie_id

    @property
    def spawners(self) -> dict[str, Any]:
        """Facts about the user's servers by name; only for methods of pages."""
        servers = blocking_at_home(self._services.servers.of_user(self._user))
        return {server.name: PageServer.of(server, self.server_url(server.name)) for server in servers}

    @property
    def spawner(self) -> Any:
        """Facts about the user's default server; None if it was never started."""
        return self.spawners.get("")

    @property
    def running(self) -> bool:
        """True while the default server is ready."""
        return self.spawner is not None and self.spawner.ready

    @property
    def active(self) -> bool:
        """True while one of the user's servers starts, runs or stops."""
        return any(server.active for server in self.spawners.values())

    @property
    def base_url(self) -> str:
        """Path of the default server."""
        return f"{self._settings.base_url}user/{self.escaped_name}/"

    async def get_auth_state(self) -> dict[str, Any] | None:
        """Return the secrets that were saved at the last login."""
        return await at_home(self._services.auth_states.get(self.id))

    async def save_auth_state(self, auth_state: dict[str, Any] | None) -> None:
        """Store secrets in the place of those that were saved at the last login; None deletes them."""
        await at_home(self._services.auth_states.save(self.id, auth_state))

    def __repr__(self) -> str:
        return f"<User {self.name}>"


class NamedUser:
    """User who is not logged in yet, and whom the hub may not know.

    Args:
        name: the username.
    """

    admin = False

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> NoReturn:
        """Explain a missing attribute."""
        raise AttributeError(f"a user has no attribute {name!r} before the login is complete")

    def __repr__(self) -> str:
        return f"<User {self.name}, not logged in>"
