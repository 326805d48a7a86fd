"""Authenticators without proof of identity, for tests and demos."""

from plughub_dummy.dummy import DummyAuthenticator
from plughub_dummy.shared_password import SharedPasswordAuthenticator

__all__ = ["DummyAuthenticator", "SharedPasswordAuthenticator"]
