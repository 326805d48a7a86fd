"""Authenticator that accepts any name."""

from __future__ import annotations

from typing import Any

from traitlets import Unicode

from plughub.auth import Authenticator
from plughub_dummy.passwords import passwords_match


class DummyAuthenticator(Authenticator):
    """Accepts any name, with any password or with a shared one. For tests and demos."""

    password = Unicode(help="Password of all users; empty to accept any password.").tag(config=True)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:  # noqa: ARG002
        """Accept the name if the password matches.

        Args:
            handler: always None.
            data: ``username`` and ``password``.

        Returns:
            The name, or None when the password is wrong.
        """
        if self.password and not passwords_match(data["password"], self.password):
            return None
        return data["username"]
