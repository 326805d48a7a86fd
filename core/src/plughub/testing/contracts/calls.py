"""The hooks of a plugin in a test, called as the hub calls them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools

NAME: Final = "tested"

ODD_TEXTS: Final = {
    "empty": "",
    "64 KiB": "n" * 65536,
    "control characters": "ali\x00ce\r\n\x1b[31m",
    "a lone surrogate": "ali\udc80ce",
    "another script": "名前",
    "a path": "../../etc/passwd",
    "a format": "%s%n{0}$(id)`id`",
}
"""Texts that clients can send, by what is odd about them."""


@dataclass
class PluginCalls:
    """The hooks of one plugin.

    Attributes:
        plugin: a module or object with hooks.
        pools: threads for plain functions.
        failed: hooks that raised an exception or timed out.
    """

    plugin: object
    pools: ThreadPools
    failed: list[str] = field(default_factory=list)
    caller: HookCaller = field(init=False)
    hooks: Hooks = field(init=False)

    def __post_init__(self) -> None:
        plugins = ActivePlugins()
        plugins.add(NAME, self.plugin)
        self.caller = HookCaller(plugins, self.pools, self._note)
        self.hooks = Hooks(self.caller)

    def _note(self, _plugin: str, hook: str, _seconds: float, outcome: str, _answer: Any) -> None:
        if outcome != "ok":
            self.failed.append(hook)


class PluginFixtures:
    """Fixtures of the contracts of hooks. Subclasses provide `plugin`."""

    @pytest.fixture
    def plugin(self) -> object:
        """The plugin: a module or object with hooks."""
        raise NotImplementedError("override the fixture 'plugin'")

    @pytest.fixture
    def calls(self, plugin: object, caplog: pytest.LogCaptureFixture) -> Iterator[PluginCalls]:
        """The plugin, called as the hub calls it."""
        caplog.set_level(logging.DEBUG)
        pools = ThreadPools()
        yield PluginCalls(plugin, pools)
        pools.close()
