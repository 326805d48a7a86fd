"""Public names for authenticators.

::

    from plughub.auth import Authenticator

    class MyAuthenticator(Authenticator):
        async def authenticate(self, handler, data): ...

`PAMAuthenticator` is part of the distribution ``plughub-pam``.
"""

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.local import LocalAuthenticator
from plughub.domain.errors import ForbiddenError, UnavailableError
from plughub.kinds import Identity, Login, LoginMethod, ManagedRole, Refusal, Rejected, UserInfo

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
    "UnavailableError",
    "UserInfo",
]
