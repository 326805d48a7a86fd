"""Adapters from backend classes to hooks, on the event loop that the class asks for."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.classes.event_loop_thread import EventLoopThread
from plughub.classes.proxy.hooks import ProxyHooks
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.spawner.hooks import SpawnerHooks
from plughub.classes.spawner.spawner import Spawner
from plughub.markers import PREFIX

T = TypeVar("T", Authenticator, Proxy)


def adapt_spawner(
    plugin: str,
    cls: type[Spawner],
    config: Any = None,
    folder: Path | None = None,
    authenticators: Mapping[str, Authenticator] = MappingProxyType({}),
) -> object:
    """Return the hooks of a spawner class; see `SpawnerHooks` for the arguments."""
    hooks = SpawnerHooks(plugin, cls, config, folder, authenticators)
    return _on_loop(EventLoopThread(plugin), hooks) if cls.own_event_loop else hooks


def adapt_authenticator(
    plugin: str, cls: type[Authenticator], config: Any = None, base_url: str = "/hub/"
) -> tuple[object, Authenticator]:
    """Return the hooks of an authenticator class, and the instance of the class."""
    thread = EventLoopThread(plugin) if cls.own_event_loop else None
    authenticator = _make(plugin, cls, config, thread)
    hooks = AuthenticatorHooks(plugin, authenticator, base_url)
    return (_on_loop(thread, hooks) if thread else hooks), authenticator


def adapt_proxy(plugin: str, cls: type[Proxy], config: Any = None) -> tuple[object, Proxy]:
    """Return the hooks of a proxy class, and its instance."""
    thread = EventLoopThread(plugin) if cls.own_event_loop else None
    backend = _make(plugin, cls, config, thread)
    hooks = ProxyHooks(plugin, backend)
    return (_on_loop(thread, hooks) if thread else hooks), backend


def _make(plugin: str, cls: type[T], config: Any, thread: EventLoopThread | None) -> T:
    facts = {"config": config, "log": logging.getLogger(f"plughub.{plugin}")}
    backend = thread.run_blocking(cls, **facts) if thread else cls(**facts)
    backend.loop_thread = thread
    return backend


def _on_loop(thread: EventLoopThread, hooks: object) -> object:
    """Return an object whose hooks call those of another one, on the event loop of a thread.

    Args:
        thread: the thread.
        hooks: an adapter of a class.
    """
    names = [name for name in dir(hooks) if name.startswith(PREFIX)]
    wrapped = {name: staticmethod(_wrap(thread, getattr(hooks, name))) for name in names}
    return type(type(hooks).__name__, (), wrapped)()


def _wrap(thread: EventLoopThread, hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function like a hook, with its signature and marks."""
    if inspect.isasyncgenfunction(hook):

        @functools.wraps(hook)
        async def iterate(*args: Any) -> AsyncIterator[Any]:
            async with aclosing(thread.iterate(hook, *args)) as items:
                async for item in items:
                    yield item

        return iterate
    if inspect.iscoroutinefunction(hook):

        @functools.wraps(hook)
        async def run(*args: Any) -> Any:
            return await thread.run(hook(*args))

        return run

    @functools.wraps(hook)
    def call(*args: Any) -> Any:
        return thread.run_blocking(hook, *args)

    return call
