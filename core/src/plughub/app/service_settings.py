"""Settings records for the services and the proxy, created from the configuration."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plughub.app.addresses import Addresses
from plughub.app.config import JupyterHub
from plughub.app.file_checks import check_folder
from plughub.app.internal_tls import InternalTLS
from plughub.app.origins import read_hub_routespec, servers_port
from plughub.app.plugins import PluginSelection
from plughub.app.trusted_proxies import proxy_addresses
from plughub.classes.authenticator.authenticator import Authenticator
from plughub.domain.errors import StartError, exit_code_of
from plughub.domain.login_throttle import LoginLimits
from plughub.domain.origins import Origins
from plughub.domain.timings import DAY
from plughub.kinds import ProxyInfo, ProxySettings, SpawnerInfo
from plughub.services.settings import HubSettings, LoginPolicy


def check_page_limits(hub: JupyterHub) -> None:
    """Check the limits of pages of the API.

    Raises:
        StartError: the default exceeds the maximum.
    """
    if hub.api_page_default_limit > hub.api_page_max_limit:
        raise StartError(
            "c.JupyterHub.api_page_default_limit must not exceed c.JupyterHub.api_page_max_limit"
        )


def proxy_settings(hub: JupyterHub, where: Addresses, origins: Origins) -> ProxySettings:
    """Return the proxy's settings, without a saved state.

    Raises:
        StartError: ssl_cert and ssl_key are not both set, or a file does not exist.
    """
    if bool(hub.ssl_cert) != bool(hub.ssl_key):
        raise StartError("c.JupyterHub.ssl_cert and c.JupyterHub.ssl_key go together: set both or neither")
    for name in ("ssl_cert", "ssl_key"):
        path = getattr(hub, name)
        if path and not Path(path).is_file():
            raise StartError(f"c.JupyterHub.{name}: file not found: {path}")
    return ProxySettings(
        ip=where.ip,
        port=where.port,
        hub_url=where.connect_url,
        hub_routespec=read_hub_routespec(hub, where.base_url, origins),
        base_url=where.base_url,
        error_url=f"{where.connect_url}{where.hub_prefix}error",
        ssl_cert=hub.ssl_cert,
        ssl_key=hub.ssl_key,
        trusted_downstream_ips=proxy_addresses(hub.trusted_downstream_ips),
        host_routing=origins.by_host,
        servers_port=servers_port(hub, where.port, origins),
    )


def hub_settings(
    hub: JupyterHub,
    where: Addresses,
    selection: PluginSelection,
    mark: str,
    infos: Mapping[str, SpawnerInfo],
    proxy: ProxyInfo,
    origins: Origins,
    tls: InternalTLS | None = None,
) -> HubSettings:
    """Return the settings of the services.

    Args:
        hub: the settings of the hub.
        where: the addresses.
        selection: the plugins.
        mark: mark of the hub.
        infos: capabilities of the spawners.
        proxy: capabilities of the proxy.
        origins: web origins of hub and servers.
        tls: certificates for internal TLS; None for plain HTTP.
    """
    host = hub.host_name or socket.gethostname()
    settings = HubSettings(
        mark=mark,
        hub_id=uuid.uuid4().hex,
        host=host,
        base_url=where.base_url,
        hub_url=where.connect_url,
        api_url=where.api_url,
        origins=origins,
        tls=tls.context if tls else None,
        service_tls=tls.service_files if tls else None,
        spawners={name: infos.get(name, SpawnerInfo(label=name)) for name in selection.spawners},
        proxy=selection.proxy,
        proxy_host=host if proxy.host_bound else "",
        policies=login_policies(hub, selection),
    )
    return with_settings_of(hub, settings)


def with_settings_of(hub: JupyterHub, settings: HubSettings) -> HubSettings:
    """Return the settings of the services with everything that depends on settings of the hub alone."""
    for add in (_with_processes, _with_cookies, _with_logins, _with_tokens, _with_servers):
        settings = add(settings, hub)
    return settings


def _with_processes(settings: HubSettings, hub: JupyterHub) -> HubSettings:
    return replace(
        settings,
        public_url=hub.public_url,
        plugin_threads=hub.plugin_threads,
        lease=hub.lease_seconds,
        service_check_interval=hub.service_check_interval,
        cleanup_servers=hub.cleanup_servers,
        cleanup_proxy=hub.cleanup_proxy,
        audit_days=hub.audit_days,
        usage_days=hub.usage_days,
        server_usage_metrics=hub.server_usage_metrics,
    )


def _with_cookies(settings: HubSettings, hub: JupyterHub) -> HubSettings:
    return replace(
        settings,
        cookie_max_age=hub.cookie_max_age_days * DAY,
        cookie_host_prefix=hub.cookie_host_prefix_enabled,
        cookie_suffix=hub.cookie_suffix,
        cookie_options=hub.tornado_settings.get("cookie_options", {}),
    )


def _with_logins(settings: HubSettings, hub: JupyterHub) -> HubSettings:
    return replace(
        settings,
        one_person=tuple(frozenset(group) for group in hub.one_person),
        confirm_within=hub.confirm_within,
        login_limits=LoginLimits(
            tries=hub.login_tries,
            longest_pause=hub.login_longest_pause,
            tries_of_name=hub.login_tries_of_name,
            tries_of_address=hub.login_tries_of_address,
        ),
        refused_logins_per_hour=hub.refused_logins_per_hour,
    )


def _with_tokens(settings: HubSettings, hub: JupyterHub) -> HubSettings:
    return replace(
        settings,
        oauth_token_expires_in=hub.oauth_token_expires_in or int(settings.cookie_max_age),
        oauth_require_pkce=hub.oauth_require_pkce,
        token_expires_in_max=hub.token_expires_in_max_seconds,
        token_limit=hub.token_limit_per_user,
    )


def _with_servers(settings: HubSettings, hub: JupyterHub) -> HubSettings:
    named_limit: Any = hub.named_server_limit_per_user
    return replace(
        settings,
        allow_named_servers=hub.allow_named_servers,
        named_server_limit=0 if callable(named_limit) else named_limit,
        start_old_names=hub.allow_existing_invalid_named_servers != "allow-delete",
        concurrent_spawn_limit=hub.concurrent_spawn_limit,
        active_server_limit=hub.active_server_limit,
        activity_resolution=hub.activity_resolution,
        last_activity_interval=hub.last_activity_interval,
    )


def login_policies(hub: JupyterHub, selection: PluginSelection) -> dict[str, LoginPolicy]:
    """Return the login policy of each authenticator; plugins without a class use ``c.Authenticator``."""
    of_others = Authenticator(config=hub.config)
    owners = selection.active.owners("authenticator")
    return {
        name: LoginPolicy(
            enable_auth_state=rules.enable_auth_state,
            manage_roles=rules.manage_roles,
            reset_managed_roles=rules.reset_managed_roles_on_startup,
            refresh_age=rules.auth_refresh_age,
            refresh_strict=rules.auth_refresh_strict,
            refresh_pre_spawn=rules.refresh_pre_spawn,
            refresh_pre_stop=rules.refresh_pre_stop,
            listed=rules.hub_names(rules.allowed_users | rules.admin_users),
        )
        for name in (*owners, "")
        for rules in [selection.authenticators.get(name, of_others)]
    }


def check_runtime_folder(path: str) -> None:
    """Check that `runtime_folder` will succeed, without creating the directory.

    Raises:
        StartError: it cannot be created, or belongs to another user.
    """
    check_folder(path, "runtime_dir")
    if Path(path).exists():
        _check_owner(Path(path).absolute())


def runtime_folder(path: str) -> Path:
    """Create the directory for sockets, logs and generated files with mode 0700.

    Raises:
        StartError: it cannot be created, or belongs to another user.
    """
    folder = Path(path).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(folder)
        folder.chmod(0o700)
    except OSError as error:
        raise StartError(
            f"the runtime folder cannot be created: {folder}: {error.strerror}", exit_code=exit_code_of(error)
        ) from error
    return folder


def _check_owner(folder: Path) -> None:
    if folder.stat().st_uid != os.geteuid():
        raise StartError(
            f"the runtime folder belongs to another system user: {folder}",
            hint="change its owner, or set JupyterHub.runtime_dir",
        )


def template_folders(hub: JupyterHub, plugin_folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the directories with templates in lookup order."""
    return (*(Path(path) for path in hub.template_paths), *plugin_folders)
