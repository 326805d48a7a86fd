"""Components of a hub process, created from its plan; none of them runs yet."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

from plughub.app.auth_states import open_auth_states
from plughub.app.hub_plan import HubPlan
from plughub.app.hub_socket import url_for_proxy
from plughub.app.internal_tls import InternalTLS, in_proxy, prepare_tls
from plughub.app.plugin_configuration import configure_plugins
from plughub.app.plugins import PluginSelection
from plughub.app.service_settings import hub_settings
from plughub.app.watched_parts import watched_parts
from plughub.domain.declarations import Declarations
from plughub.domain.errors import RETRY, InvalidError, PluginError, StartError, exit_code_of
from plughub.domain.scopes import ScopeTree
from plughub.domain.servers import ServerRecord
from plughub.kinds import ProxyInfo, ProxySettings
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.threads import ThreadPools
from plughub.services.composition import Foundation, HubServices, compose
from plughub.services.coordination.initial_records import store_initial_records
from plughub.services.servers.legacy_names import check_legacy_names
from plughub.services.settings import HubSettings
from plughub.services.users.composition import UserRules
from plughub.services.users.configuration_sync import create_allowed_users, sync_configuration
from plughub.services.users.identities import IdentityService
from plughub.services.users.sessions import host_cookies_since
from plughub.storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredPlugins:
    """Facts that are known once the plugins are configured.

    Attributes:
        tls: certificates for internal TLS; None for plain HTTP.
        proxy: settings of the proxy.
        proxy_info: capabilities of the proxy.
        settings: settings of the services.
    """

    tls: InternalTLS | None
    proxy: ProxySettings
    proxy_info: ProxyInfo
    settings: HubSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class HubParts:
    """Components of a hub process.

    Attributes:
        services: the services.
        caller: calls hooks.
        pools: threads of plugins.
        plugins: facts about the configured plugins.
        host_cookies_since: when login cookies got the prefix ``__Host-``, in seconds since the epoch.
        blocked_servers: running servers of blocked users.
    """

    services: HubServices
    caller: HookCaller
    pools: ThreadPools
    plugins: ConfiguredPlugins
    host_cookies_since: float
    blocked_servers: list[ServerRecord]

    def close(self) -> None:
        """Stop the threads."""
        self.services.auth_states.close()
        self.pools.close()


async def make_parts(plan: HubPlan) -> HubParts:
    """Configure the plugins, sync the configuration into the database, and create the services.

    Raises:
        StartError: a setting or a plugin is invalid.
    """
    with contextlib.ExitStack() as undo:
        pools = ThreadPools(plan.config.plugin_threads)
        undo.callback(pools.close)
        caller = HookCaller(plan.selection.active, pools, plan.observing.metrics.observe_hook)
        hooks = Hooks(caller)
        found = await _configure(plan, caller)
        settings = found.settings
        auth_states = open_auth_states(plan.config.config, plan.store, settings.policies)
        undo.callback(auth_states.close)
        blocked_servers = await _sync_configuration(plan)
        await load_managed_roles(hooks, plan.store, settings, plan.tree)
        rename = plan.config.allow_existing_invalid_named_servers == "autorename"
        await check_legacy_names(plan.store, hooks, settings, rename=rename)
        services = compose(
            Foundation(
                store=plan.store,
                hooks=hooks,
                settings=settings,
                tree=plan.tree,
                proxy=found.proxy,
                auth_states=auth_states,
                metrics=plan.observing.metrics,
                cookie_secret=plan.secret,
                services_folder=plan.runtime_dir / "services",
                watched=watched_parts(plan.config, plan.where.ip, plan.runtime_dir),
                declared_services=plan.declared.services,
                user_rules=_user_rules(plan.selection, plan.declared),
            )
        )
        since = await plan.store.write(lambda tx: host_cookies_since(tx, settings))
        undo.pop_all()
    return HubParts(
        services=services,
        caller=caller,
        pools=pools,
        plugins=found,
        host_cookies_since=since,
        blocked_servers=blocked_servers,
    )


async def _configure(plan: HubPlan, caller: HookCaller) -> ConfiguredPlugins:
    """Create the certificates, configure the plugins, and read what spawners and proxy report."""
    tls = await asyncio.to_thread(prepare_tls, plan.config, plan.where.connect_url)
    mark = await plan.store.write(lambda tx: store_initial_records(tx, plan.selection.replacements))
    name, where = plan.selection.proxy, plan.where
    facts = configure_plugins(
        plan.config,
        plan.selection,
        caller,
        where=where,
        origins=plan.origins,
        mark=mark,
        runtime_dir=plan.runtime_dir,
        certificates=tls.folder.folder if tls else None,
    )
    info = facts.proxy
    url = url_for_proxy(where.connect_url, where.hub_socket, info, name)
    settings = hub_settings(plan.config, where, plan.selection, mark, facts.spawners, info, plan.origins, tls)
    settings = replace(settings, hub_url=url, hub_routespec=plan.proxy.hub_routespec)
    proxy = replace(plan.proxy, hub_url=url, error_url=f"{url}{where.hub_prefix}error")
    return ConfiguredPlugins(
        tls=tls,
        proxy=in_proxy(tls, proxy, name, info),
        proxy_info=info,
        settings=settings,
    )


async def _sync_configuration(plan: HubPlan) -> list[ServerRecord]:
    """Copy roles, groups, users and services of the configuration into the database."""
    try:
        blocked_servers = await plan.store.write(lambda tx: sync_configuration(tx, plan.declared))
        await create_allowed_users(plan.store, plan.declared.allowed)
    except InvalidError as error:
        raise StartError(error.message, hint=error.hint) from error
    return blocked_servers


def _user_rules(selection: PluginSelection, declared: Declarations) -> UserRules:
    rules = selection.authenticators
    return UserRules(
        is_valid_username=selection.accepts_name,
        configured_names=declared.given_names,
        delete_invalid=frozenset(name for name, found in rules.items() if found.delete_invalid_users),
        blocked=frozenset(name for found in rules.values() for name in found.blocked_users),
        accepting=frozenset(name for name, found in rules.items() if found.accepts_stored_users),
    )


async def load_managed_roles(hooks: Hooks, store: Store, settings: HubSettings, tree: ScopeTree) -> None:
    """Store the roles that authenticators manage.

    Raises:
        StartError: an authenticator failed, or a role is invalid.
    """
    identities = IdentityService(settings, tree)
    reset = any(settings.policy_of(name).reset_managed_roles for name in settings.authenticators)
    try:
        named = [await hooks.managed_roles(name) for name in settings.authenticators]
        roles = [role for found in named for role in found]
        if roles or reset:
            await store.write(lambda tx: identities.sync_managed_roles(tx, roles, reset=reset))
    except (PluginError, InvalidError) as error:
        raise StartError(
            f"the roles of an authenticator cannot be loaded: {error.message}",
            exit_code=exit_code_of(error.__cause__ or error, unsure=RETRY),
        ) from error
