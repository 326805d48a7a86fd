"""Calls of all hooks that describe a plugin, as a hub calls them, without a hub and without settings."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from traitlets import TraitError
from traitlets.config import Config, Configurable

from plughub.app.named_plugins import commands_of
from plughub.app.web_additions import read_folders, read_login_methods, read_pages
from plughub.classes.adapters import adapt_authenticator, adapt_proxy, adapt_spawner
from plughub.domain.errors import RETRY, StartError
from plughub.kinds import HubContext, ProxyInfo, SpawnerInfo
from plughub.plugin.hook_calls import HookCaller, failing_start
from plughub.plugin.loader import InstalledPlugin
from plughub.plugin.manager import KINDS, ActivePlugins
from plughub.plugin.threads import ThreadPools

Call = Callable[[], object]

_UNKNOWN: Final = "no-such-class"
"""Short name of a class that no plugin knows."""
_ADAPT: Final = {
    "spawner": adapt_spawner,
    "authenticator": lambda *given: adapt_authenticator(*given)[0],
    "proxy": lambda *given: adapt_proxy(*given)[0],
}


async def call_register_hooks(plugin: InstalledPlugin) -> tuple[list[str], str]:
    """Call the hooks that describe a plugin. Plugins may require the running event loop.

    Args:
        plugin: the plugin, whose classes are known to be those of a hub.

    Returns:
        What is wrong; and why a part could not be checked, empty if all was.
    """
    active = ActivePlugins()
    active.add(plugin.name, plugin.load())
    with contextlib.closing(ThreadPools()) as pools, tempfile.TemporaryDirectory() as folder:
        caller = HookCaller(active, pools)
        problems = list(_problems(_calls_before_configuration(caller)))
        try:
            _configure(plugin.name, caller, Path(folder))
        except StartError as error:
            if _refuses_settings(error):
                return problems, str(error)
            return [*problems, str(error)], ""
        return [*problems, *_problems(_calls_after_configuration(caller))], ""


def _calls_before_configuration(caller: HookCaller) -> list[Call]:
    find = partial(caller.register, "hub_find_class", expected=type, name=_UNKNOWN)
    return [
        partial(caller.register, "hub_register_configurables", each=type(Configurable)),
        partial(commands_of, caller, Config()),
        *(partial(find, kind=kind) for kind in KINDS),
    ]


def _calls_after_configuration(caller: HookCaller) -> list[Call]:
    return [
        partial(caller.register, "hub_spawner_info", expected=SpawnerInfo),
        partial(caller.register, "hub_proxy_info", expected=ProxyInfo),
        partial(read_pages, caller),
        partial(read_folders, caller, "hub_register_templates"),
        partial(read_folders, caller, "hub_register_static"),
        partial(read_login_methods, caller),
    ]


def _problems(calls: list[Call]) -> Iterator[str]:
    found = []
    for call in calls:
        try:
            call()
        except StartError as error:
            found.append(str(error))
    yield from dict.fromkeys(found)


def _configure(name: str, caller: HookCaller, folder: Path) -> None:
    """Instantiate the plugin's classes and configure it.

    Raises:
        StartError: the plugin failed, or requires settings.
    """
    for kind, adapt in _ADAPT.items():
        for answer in caller.register(f"hub_register_{kind}", expected=type):
            with failing_start(name, f"the constructor of {answer.value.__name__}"):
                caller.plugins.add_part(name, kind, adapt(name, answer.value, Config()))
    context = HubContext(
        mark=secrets.token_hex(8),
        plugin=name,
        base_url="/",
        api_url="http://127.0.0.1:8081/hub/api",
        runtime_dir=folder,
        config=Config(),
    )
    caller.register("hub_configure", context=context)


def _refuses_settings(error: StartError) -> bool:
    """Return whether a plugin objects to its settings or to this machine, which is no mistake in it."""
    cause = error.__cause__
    return cause is None or isinstance(cause, (TraitError, ValueError)) or error.exit_code == RETRY
