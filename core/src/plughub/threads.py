"""Bounded thread pools for blocking calls, outside the event loop."""

from plughub.classes.user_code import call
from plughub.plugin.threads import ThreadPools

__all__ = ["ThreadPools", "call"]
