"""Calling what may block, off the event loop and in bounded threads."""

from plughub.classes.user_code import call
from plughub.plugin.threads import ThreadPools

__all__ = ["ThreadPools", "call"]
