"""Checks of a configuration that the start, the search for all problems and ``hub check`` share.

A check raises `StartError` or `TraitError`, and neither starts nor writes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.auth_states import check_keys, read_keys
from plughub.app.config import JupyterHub
from plughub.app.cookie_secret import check_cookie_secret
from plughub.app.extra_pages import check_login_pages, extra_pages
from plughub.app.file_checks import check_folder, check_writable
from plughub.app.hub_socket import check_socket_path, read_hub_socket, url_for_proxy
from plughub.app.internal_tls import check_internal_tls, check_public_certificate
from plughub.app.listen_addresses import check_hub_address, check_proxy_addresses
from plughub.app.log_setup import check_log_settings
from plughub.app.origins import check_origins, check_worker_scopes, read_origins
from plughub.app.plugins import PluginSelection
from plughub.app.service_settings import (
    check_page_limits,
    check_runtime_folder,
    login_policies,
    proxy_settings,
)
from plughub.classes.proxy.hooks import ProxyHooks
from plughub.classes.proxy.proxy import Proxy
from plughub.classes.tls.certificates import check_external
from plughub.domain.errors import StartError
from plughub.domain.origins import Origins
from plughub.plugin.hook_calls import failing_start
from plughub.storage.database import is_in_memory, make_engine
from plughub.storage.schema import check_sqlite_place, sqlite_path
from plughub.web.templates import check_jinja_options

Check = Callable[[], object]


def setting_checks(hub: JupyterHub, config: Config) -> list[Check]:
    """Return the checks of settings that need no plugin.

    Args:
        hub: the settings of the hub.
        config: the whole configuration.
    """
    return [
        partial(check_log_settings, hub),
        partial(check_writable, hub.pid_file, "pid_file"),
        partial(check_cookie_secret, hub.cookie_secret, Path(hub.cookie_secret_file)),
        partial(check_runtime_folder, hub.runtime_dir),
        partial(_check_database, hub),
        partial(_check_socket, hub),
        partial(check_hub_address, hub),
        partial(read_origins, hub),
        partial(_check_proxy_settings, hub),
        partial(_check_certificates, hub),
        partial(extra_pages, hub.extra_handlers),
        partial(check_page_limits, hub),
        partial(check_jinja_options, hub.jinja_environment_options),
        partial(read_keys, config),
    ]


def backend_checks(hub: JupyterHub, config: Config, selection: PluginSelection) -> list[Check]:
    """Return the checks of the backends, which were created but not started.

    Args:
        hub: the settings of the hub.
        config: the whole configuration.
        selection: the plugins.
    """
    checks: list[Check] = [
        partial(_check_backend, name, "check_allow_config", found.check_allow_config)
        for name, found in selection.authenticators.items()
        if name not in selection.added
    ]
    checks.append(partial(check_login_pages, selection.authenticators))
    checks.append(partial(check_keys, config, login_policies(hub, selection)))
    if proxy := selection.proxy_backend:
        checks.append(partial(check_proxy_addresses, hub, proxy))
        checks.append(partial(_check_backend, selection.proxy, "check_config", proxy.check_config))
        checks.append(partial(_check_proxy_info, hub, selection, proxy))
        if hub.ssl_cert and proxy.should_start:
            checks.append(partial(check_public_certificate, hub))
    return checks


def _check_backend(plugin: str, method: str, check: Callable[[], Any]) -> None:
    with failing_start(plugin, method):
        check()


def _check_proxy_info(hub: JupyterHub, selection: PluginSelection, proxy: Proxy) -> None:
    """Refuse a proxy that does not support what the settings require."""
    with failing_start(selection.proxy, "hub_proxy_info"):
        info = ProxyHooks(selection.proxy, proxy).hub_proxy_info()
    origins = read_origins(hub)
    check_origins(origins, info, selection.proxy)
    check_worker_scopes(hub, origins, info, selection.proxy, selection.active.owners("authenticator"))
    where = addresses(hub)
    url_for_proxy(where.connect_url, where.hub_socket, info, selection.proxy)
    if hub.internal_ssl:
        check_internal_tls(info, selection.proxy)


def _check_database(hub: JupyterHub) -> None:
    make_engine(hub.db_url, hub.db_kwargs)
    if is_in_memory(hub.db_url):
        return
    check_sqlite_place(hub.db_url)
    if path := sqlite_path(hub.db_url):
        check_writable(path, "db_url")


def _check_socket(hub: JupyterHub) -> None:
    if place := read_hub_socket(hub):
        check_writable(place.path, "hub_bind_url")
        check_socket_path(place.path)


def _check_proxy_settings(hub: JupyterHub) -> None:
    try:
        origins = read_origins(hub)
    except StartError:  # another check reports it
        origins = Origins()
    proxy_settings(hub, addresses(hub), origins)


def _check_certificates(hub: JupyterHub) -> None:
    if hub.internal_ssl:
        check_external(hub.external_ssl_authorities)
        check_folder(hub.internal_certs_location, "internal_certs_location")
