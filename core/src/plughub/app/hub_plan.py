"""Plan of a hub process: the configuration, read and checked before anything runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from traitlets.config import Config

from plughub.app.addresses import Addresses, addresses
from plughub.app.config import JupyterHub
from plughub.app.cookie_secret import cookie_secret
from plughub.app.database_reset import reset_database
from plughub.app.login_links import starter
from plughub.app.observability import Observing
from plughub.app.old_names import apply_old_names
from plughub.app.origins import read_origins
from plughub.app.plugins import DATABASE, PluginChooser, PluginSelection
from plughub.app.service_settings import proxy_settings, runtime_folder
from plughub.app.unread_settings import check_settings, warn_of_settings
from plughub.domain.origins import Origins
from plughub.kinds import ProxySettings
from plughub.plugin.hook_calls import failing_start
from plughub.services.tokens.database_tokens import DatabaseTokens
from plughub.services.users.login_links import PLUGIN as ONETIME
from plughub.services.users.login_links import OneTimeLinks
from plughub.storage.database import Database, is_in_memory
from plughub.storage.schema import make_schema, prepare_schema, schema_state
from plughub.storage.store import Store

log = logging.getLogger("plughub")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan:
    """Plan of a hub process.

    Attributes:
        config: the settings of the hub.
        where: the addresses.
        origins: web origins of hub, servers and services.
        proxy: settings of the proxy, without certificates.
        runtime_dir: directory for sockets, logs and generated files.
        secret: signs cookies.
        store: the storage; its schema is current.
        selection: the plugins.
        links: one-time login links; active if `ONETIME` is among the plugins.
        observing: metrics, event log and audit trail.
    """

    config: JupyterHub
    where: Addresses
    origins: Origins
    proxy: ProxySettings
    runtime_dir: Path
    secret: bytes = field(repr=False)
    store: Store
    selection: PluginSelection
    links: OneTimeLinks
    observing: Observing


def make_plan(config: Config, names: list[str]) -> HubPlan:
    """Read the configuration, choose the plugins, and open the database.

    Args:
        config: the whole configuration.
        names: plugin names of the command line or the environment; empty for the defaults.

    Raises:
        StartError: the configuration, a plugin or the database is invalid; nothing was stored.
    """
    warnings = apply_old_names(config)
    hub = JupyterHub(config=config)
    where = addresses(hub)
    origins = read_origins(hub)
    proxy = proxy_settings(hub, where, origins)
    runtime_dir = runtime_folder(hub.runtime_dir)
    secret = cookie_secret(hub.cookie_secret, Path(hub.cookie_secret_file))
    if hub.debug_db:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    store = Store(Database(hub.db_url, hub.db_kwargs))
    observing = Observing(config, hub, store)
    chooser = PluginChooser(hub, config, store, where.hub_prefix)
    selection = choose_plugins(chooser, hub, config, names, store, observing)
    for text in warnings:
        log.warning("%s", text)
    _prepare_database(hub, store)
    return HubPlan(
        config=hub,
        where=where,
        origins=origins,
        proxy=proxy,
        runtime_dir=runtime_dir,
        secret=secret,
        store=store,
        selection=selection,
        links=chooser.links,
        observing=observing,
    )


def choose_plugins(
    chooser: PluginChooser,
    hub: JupyterHub,
    config: Config,
    names: list[str],
    store: Store,
    observing: Observing,
) -> PluginSelection:
    """Load and build the plugins, and check all settings with them.

    Raises:
        StartError: a plugin or a setting is invalid.
    """
    selection = chooser.choose(names)
    if ONETIME in selection.active.names:
        starter()  # the login link is for a user with a name: refuse now what would fail when everything runs
    selection.active.add(DATABASE, DatabaseTokens(store))
    observing.join(selection)
    inactive = check_settings(config, hub, selection, chooser.installed)
    for name, authenticator in selection.authenticators.items():
        if name not in selection.added:
            with failing_start(name, "check_allow_config"):
                authenticator.check_allow_config()
    warn_of_settings(config, hub, inactive)
    if selection.added:
        log.info("default plugins: %s", ", ".join(selection.added))
    return selection


def _prepare_database(hub: JupyterHub, store: Store) -> None:
    if is_in_memory(hub.db_url):
        log.warning(
            "the database is in memory (JupyterHub.db_url): users, tokens and the record of running servers "
            "are lost when the hub stops"
        )
        store.database.run(make_schema)
        return
    where = hub.db_url, hub.db_kwargs
    if hub.reset_db:
        reset_database(hub)
    elif hub.upgrade_db and not schema_state(*where).current:
        from plughub.storage.upgrade import upgrade_schema  # noqa: PLC0415 - loads alembic, seldom used

        upgrade_schema(*where)
    prepare_schema(*where)
