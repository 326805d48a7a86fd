"""Public names for authenticators.

::

    from plughub.auth import Authenticator

    class MyAuthenticator(Authenticator):
        async def authenticate(self, handler, data): ...

`PAMAuthenticator` (distribution ``plughub-pam``), `DummyAuthenticator` and `SharedPasswordAuthenticator`
(``plughub-dummy``) can be imported from here as well if they are installed.
"""

from typing import TYPE_CHECKING

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.local import LocalAuthenticator
from plughub.domain.errors import ForbiddenError, UnavailableError
from plughub.kinds import (
    Identity,
    Login,
    LoginMethod,
    ManagedRole,
    Refusal,
    Rejected,
    RequestInfo,
    UserInfo,
)
from plughub.plugin.plugin_classes import import_plugin_class

__all__ = [
    "Authenticator",
    "ForbiddenError",
    "Identity",
    "LocalAuthenticator",
    "Login",
    "LoginMethod",
    "ManagedRole",
    "Refusal",
    "Rejected",
    "RequestInfo",
    "UnavailableError",
    "UserInfo",
]

if not TYPE_CHECKING:  # hidden, so that type checkers still report misspelt names

    def __getattr__(name: str) -> type:
        return import_plugin_class(__name__, name)
