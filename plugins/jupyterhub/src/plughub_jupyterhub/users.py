"""Users, as handlers for JupyterHub see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from plughub.handlers import TemplateUser
from plughub_jupyterhub.page_loop import at_home

if TYPE_CHECKING:
    from plughub.domain.users import User
    from plughub.services.composition import HubServices


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
        self._services = services
        self.cookie_id = user.cookie_id

    @property
    def base_url(self) -> str:
        """Path of the default server."""
        return f"{self._settings.base_url}user/{self.escaped_name}/"

    async def get_auth_state(self) -> dict[str, Any] | None:
        """Return the secrets that were saved at the last login."""
        return await at_home(self._services.auth_states.get(self.id))

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
