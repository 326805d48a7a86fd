"""The module that the hub loads for ``--plugins pam``."""

from __future__ import annotations

from plughub import hookimpl
from plughub_pam.authenticator import PAMAuthenticator

hub_contract = "1.0"


@hookimpl
def hub_register_authenticator() -> type[PAMAuthenticator]:
    """Return `PAMAuthenticator`."""
    return PAMAuthenticator
