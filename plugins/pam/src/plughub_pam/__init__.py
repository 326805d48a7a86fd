"""Login with the accounts of the system."""

from plughub_pam.authenticator import PAMAuthenticator

__all__ = ["PAMAuthenticator"]
