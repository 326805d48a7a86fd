"""Names of ``jupyterhub.apihandlers`` and of its module ``base``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import Logger, getLogger
from typing import Any, Final

from plughub import handlers

__all__ = ["APIHandler", "default_handlers"]

default_handlers: Final[list[tuple[Any, ...]]] = []
"""API calls that packages add: path below the hub's prefix, handler and, optionally, its arguments."""


class StartingServer:
    """Server of the token of a request. The attributes that a handler sets are posted to its spawner.

    Args:
        api_token: the token.
        values: receives the values of the attributes.
    """

    def __init__(self, api_token: str, values: dict[str, Any]) -> None:
        vars(self).update(api_token=api_token, _values=values)

    def __getattr__(self, name: str) -> Any:
        # Only the process that starts the server knows which attributes its spawner has.
        if name.startswith("_"):
            raise AttributeError(name)
        return self._values.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = value


@dataclass(frozen=True, slots=True)
class TokenUser:
    """User whose token, or whose server's token, authenticates a request.

    Attributes:
        name: the username.
        admin: whether the user is an admin.
        spawners: the server to which the token may belong.
    """

    name: str
    admin: bool = False
    spawners: Mapping[str, StartingServer] = field(default_factory=dict)


class APIHandler(handlers.APIHandler):
    """``jupyterhub.apihandlers.APIHandler``: API calls with which servers configure their spawners."""

    _finishing: asyncio.Task[None] | None = None

    def initialize(self, **_arguments: Any) -> None:
        """Prepare the handler."""
        self._values: dict[str, Any] = {}

    @property
    def log(self) -> Logger:
        """Logger of the plugin."""
        return getLogger("plughub.jupyterhub")

    @property  # type: ignore[misc] # the base class has a setter
    def current_user(self) -> TokenUser | None:
        """User whose token authenticates the request; None without one."""
        who, token = self.who, self.get_auth_token()
        if who is None or who.kind != "user":
            return None
        spawners = {"": StartingServer(token, self._values)} if token else {}
        return TokenUser(who.name, who.admin, spawners)

    def get_auth_token(self) -> str | None:
        """Return the token in the header ``Authorization``; None if there is none."""
        _, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() or None

    def get_json_body(self) -> dict[str, Any]:
        """Return the body, a JSON object."""
        return self.json_body()

    def finish(self, chunk: str | bytes | dict[str, Any] | None = None) -> asyncio.Future[None]:
        """Send the answer, after the attributes that the handler has set are posted to the spawner."""
        if not self._values:
            return super().finish(chunk)
        self._auto_finish = False
        self._finishing = asyncio.ensure_future(self._finish_after_post(chunk, dict(self._values)))
        self._values.clear()
        return self._finishing

    async def _finish_after_post(self, chunk: Any, values: Mapping[str, Any]) -> None:
        try:
            await self.post_to_spawner(values)
            await super().finish(chunk)
        except Exception as error:  # noqa: BLE001 - answered like an exception of the method
            self._handle_request_exception(error)
