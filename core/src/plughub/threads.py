"""Bounded thread pools for blocking calls, and event loops in threads, outside the hub's event loop."""

from plughub.classes.event_loop_thread import EventLoopThread, current_thread
from plughub.classes.user_code import call
from plughub.plugin.threads import ThreadPools

__all__ = ["EventLoopThread", "ThreadPools", "call", "current_thread"]
