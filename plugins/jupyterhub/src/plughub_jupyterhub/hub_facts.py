"""The hub, its users and its metrics, as handlers for JupyterHub see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from plughub.handlers import NotFoundError, needs_scope, of_user
from plughub_jupyterhub.page_loop import LoopPage, blocking_at_home
from plughub_jupyterhub.users import PageUser


@dataclass(frozen=True, slots=True)
class HubServer:
    """Address of the hub.

    Attributes:
        base_url: prefix of the hub, such as ``/hub/``.
    """

    base_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFacts:
    """The hub, for handlers.

    Attributes:
        base_url: prefix of the hub, such as ``/hub/``.
        api_url: address of the API for servers.
        public_host: origin of the hub; empty if it is not configured.
        cookie_name: name of the login cookie.
    """

    base_url: str
    api_url: str
    public_host: str
    cookie_name: str

    @property
    def server(self) -> HubServer:
        """Address of the hub."""
        return HubServer(self.base_url)


class UserTable:
    """Users of the hub by name, as the principal of a request may see and delete them.

    Args:
        page: the page that asks.
    """

    def __init__(self, page: LoopPage) -> None:
        self._page = page

    def get(self, name: str, default: Any = None) -> Any:
        """Return a user; the default if there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def __getitem__(self, name: str) -> PageUser:
        """Return a user."""
        services = self._page.services
        try:
            return PageUser(blocking_at_home(services.users.get(name)), services)
        except NotFoundError as error:
            raise KeyError(name) from error

    def __contains__(self, name: str) -> bool:
        """Return whether a user exists."""
        return self.get(name) is not None

    def delete(self, name: str) -> None:
        """Delete a user before the answer is sent, if the principal of the request may do that."""
        self._page.add_step(partial(_delete, self._page, name))


@needs_scope("admin:users", about=of_user)
async def _delete(page: LoopPage, name: str) -> None:
    services = page.services
    user, seconds = await services.users.get(name), page.context.options.slow_stop_timeout
    await services.user_admin.delete(user, seconds, by=page.visitor)
    page.emit_event("delete-user", name)


class Statsd:
    """Client of statsd, and each of its timers, that sends nothing: the hub has metrics for Prometheus."""

    def timer(self, *_arguments: Any) -> Statsd:
        """Return a timer."""
        return self

    def start(self) -> Statsd:
        """Start the timer."""
        return self

    def stop(self, send: bool = True) -> Statsd:  # noqa: ARG002 - as in statsd
        """Stop the timer."""
        return self

    def send(self) -> None:
        """Send nothing."""

    def incr(self, *_arguments: Any, **_named: Any) -> None:
        """Send nothing."""

    decr = gauge = set = timing = incr
