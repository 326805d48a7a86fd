"""Base classes for authenticators, under the name that plugins and config files import."""

from plughub.classes.authenticator import Authenticator
from plughub.classes.local_authenticator import LocalAuthenticator

__all__ = ["Authenticator", "LocalAuthenticator"]
