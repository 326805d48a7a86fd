from __future__ import annotations

import asyncio
import sys
import textwrap
import types
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from plughub import hookimpl
from plughub.markers import CallMode, HookTerms
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools

Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with one plugin on ``sys.path``, laid out as pip does."""
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = []

    def install(
        name: str,
        source: str = "",
        *,
        distribution: str = "",
        version: str = "1.0",
        requires: str = "plughub",
        metadata: bool = True,
        origin: str = "",
    ) -> str:
        distribution = distribution or f"plughub-{name}"
        module = f"fake_{distribution}_{name}".replace("-", "_")
        (tmp_path / f"{module}.py").write_bytes(textwrap.dedent(source).encode("latin-1"))
        folder = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_text(f"[plughub]\n{name} = {module}\n")
        if metadata:
            (folder / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nRequires-Dist: {requires}\n"
            )
        if origin:
            (folder / "direct_url.json").write_text(origin)
        modules.append(module)
        return module

    yield install
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def plugins() -> ActivePlugins:
    return ActivePlugins()


@pytest.fixture
def pools() -> Iterator[ThreadPools]:
    pools = ThreadPools(size=2)
    yield pools
    pools.close()


@pytest.fixture
def caller(plugins: ActivePlugins, pools: ThreadPools) -> HookCaller:
    return HookCaller(plugins, pools)


class PluginFactory:
    """Makes plugins from plain functions."""

    @staticmethod
    def plugin(**hooks: Callable[..., object]) -> types.SimpleNamespace:
        """Make a plugin; each function is marked as a hook implementation."""
        return types.SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})

    @classmethod
    def doing(cls, act: Callable[[], Awaitable[object]]) -> types.SimpleNamespace:
        """Four hooks, one for each way of calling, with the same effect."""

        async def hub_authenticate(login: object) -> object:
            return await act()

        async def hub_authorize_login(identity: object) -> object:
            return await act()

        async def hub_event(event: object) -> object:
            return await act()

        async def hub_poll(server: object) -> object:
            return await act()

        return cls.plugin(
            hub_authenticate=hub_authenticate,
            hub_authorize_login=hub_authorize_login,
            hub_event=hub_event,
            hub_poll=hub_poll,
        )

    @classmethod
    def answering(cls, value: object) -> types.SimpleNamespace:
        async def act() -> object:
            return value

        return cls.doing(act)

    @classmethod
    def failing(cls, error: BaseException) -> types.SimpleNamespace:
        async def act() -> object:
            raise error

        return cls.doing(act)

    @classmethod
    def hanging(cls) -> types.SimpleNamespace:
        return cls.doing(lambda: asyncio.Event().wait())


@pytest.fixture
def fakes() -> type[PluginFactory]:
    return PluginFactory


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hooks of the fakes with a timeout of 50 ms."""
    names = ("hub_authenticate", "hub_authorize_login", "hub_event", "hub_poll")
    monkeypatch.setattr(
        "plughub.plugin.hook_calls.HOOKS", {name: HookTerms(CallMode.OWN, 0.05) for name in names}
    )
