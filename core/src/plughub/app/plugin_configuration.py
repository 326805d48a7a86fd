"""Configuration of the active plugins, and the capabilities that they report afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from traitlets.config import Config

from plughub.app.addresses import Addresses, addresses
from plughub.app.config import JupyterHub
from plughub.app.extra_pages import extra_pages
from plughub.app.hub_socket import check_spawners
from plughub.app.named_plugins import commands_of
from plughub.app.origins import check_origins, check_worker_scopes, read_origins
from plughub.app.plugins import PluginSelection
from plughub.app.web_additions import web_additions
from plughub.domain.origins import Origins
from plughub.kinds import Diagnosis, HubContext, ProxyInfo, SpawnerInfo
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.threads import ThreadPools
from plughub.services.servers.spawner_checks import SpawnerChecks
from plughub.storage.database import IN_MEMORY

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFacts:
    """Capabilities that configured plugins report.

    Attributes:
        proxy: capabilities of the proxy.
        spawners: capabilities of the spawners by plugin.
    """

    proxy: ProxyInfo
    spawners: Mapping[str, SpawnerInfo]


def configure_plugins(
    hub: JupyterHub,
    selection: PluginSelection,
    caller: HookCaller,
    *,
    where: Addresses,
    origins: Origins,
    mark: str,
    runtime_dir: Path,
    certificates: Path | None,
) -> PluginFacts:
    """Configure the plugins, and check that what they report fits the settings.

    Raises:
        StartError: a plugin refuses its configuration, or lacks what a setting requires.
    """
    for name in selection.active.names:
        context = HubContext(
            mark=mark,
            plugin=name,
            base_url=where.base_url,
            api_url=where.api_url,
            runtime_dir=runtime_dir,
            settings=hub.plugin_settings.get(name, {}),
            config=hub.config,
            certificates=certificates,
        )
        caller.register("hub_configure", only=name, context=context)
    answers = caller.register("hub_proxy_info", only=selection.proxy, expected=ProxyInfo)
    proxy: ProxyInfo = answers[0].value if answers else ProxyInfo()
    check_origins(origins, proxy, selection.proxy)
    check_worker_scopes(hub, origins, proxy, selection.proxy, selection.active.owners("authenticator"))
    infos = caller.register("hub_spawner_info", expected=SpawnerInfo)
    facts = PluginFacts(proxy=proxy, spawners={answer.plugin: answer.value for answer in infos})
    spawners = {name: facts.spawners.get(name, SpawnerInfo(label=name)) for name in selection.spawners}
    check_spawners(where.connect_url, where.hub_socket, spawners)
    return facts


def check_plugins(hub: JupyterHub, selection: PluginSelection) -> None:
    """Configure the plugins as a start does, call all other hooks that describe them, and discard the result.

    Raises:
        StartError: the start would fail, or a command of a plugin.
    """

    async def ask(caller: HookCaller) -> None:
        web_additions(caller, extra_pages(hub.extra_handlers))
        commands_of(caller, hub.config)

    asyncio.run(_in_trial(hub, selection, ask))


def unavailable_spawners(hub: JupyterHub, selection: PluginSelection) -> Mapping[str, Diagnosis]:
    """Return why spawners cannot start servers at present; without those that can.

    Raises:
        StartError: the start would fail.
    """

    async def ask(caller: HookCaller) -> Mapping[str, Diagnosis]:
        return await SpawnerChecks(Hooks(caller)).problems(selection.spawners)

    return asyncio.run(_in_trial(hub, selection, ask))


def _certificates_folder(hub: JupyterHub) -> Path | None:
    return Path(hub.internal_certs_location).absolute() if hub.internal_ssl else None


async def _in_trial(
    hub: JupyterHub, selection: PluginSelection, work: Callable[[HookCaller], Awaitable[T]]
) -> T:
    """Call plugins that are configured with a temporary folder, a mark of their own and a database in memory.

    A plugin that opens the hub's database must not create it. Constructors may require an event loop.
    """
    hub = JupyterHub(config=Config(copy.deepcopy(hub.config)))
    hub.config.JupyterHub.db_url = IN_MEMORY
    pools = ThreadPools(hub.plugin_threads)
    caller = HookCaller(selection.active, pools)
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(pools):
        configure_plugins(
            hub,
            selection,
            caller,
            where=addresses(hub),
            origins=read_origins(hub),
            mark=secrets.token_hex(8),
            runtime_dir=Path(folder),
            certificates=_certificates_folder(hub),
        )
        return await work(caller)
