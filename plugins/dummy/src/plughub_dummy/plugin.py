"""The module that the hub loads for ``--plugins dummy``."""

from __future__ import annotations

from plughub import hookimpl
from plughub_dummy.dummy import DummyAuthenticator

hub_contract = "1.0"


@hookimpl
def hub_register_authenticator() -> type[DummyAuthenticator]:
    """Return `DummyAuthenticator`."""
    return DummyAuthenticator
