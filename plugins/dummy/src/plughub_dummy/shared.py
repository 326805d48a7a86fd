"""The module that the hub loads for ``--plugins shared-password``."""

from __future__ import annotations

from plughub import hookimpl
from plughub_dummy.shared_password import SharedPasswordAuthenticator

hub_contract = "1.0"


@hookimpl
def hub_register_authenticator() -> type[SharedPasswordAuthenticator]:
    """Return `SharedPasswordAuthenticator`."""
    return SharedPasswordAuthenticator
