"""Everybody is who she says."""

from __future__ import annotations

from typing import Any

from traitlets import Unicode

from plughub.auth import Authenticator
from plughub_dummy.passwords import same


class DummyAuthenticator(Authenticator):
    """Believes any name, with any password or with one that all share. For tests and demos."""

    password = Unicode(help="The password of everybody; empty for any.").tag(config=True)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:  # noqa: ARG002
        """Believe the name.

        Args:
            handler: always None.
            data: ``username`` and ``password``.

        Returns:
            The name, or None when the password is not the one that is set.
        """
        if self.password and not same(data["password"], self.password):
            return None
        return data["username"]
