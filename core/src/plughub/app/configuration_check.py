"""Check of a configuration as a whole, without starting or writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.cookie_secret import cookie_secret
from plughub.app.declarations import declared_of, scopes_of
from plughub.app.extra_pages import extra_pages
from plughub.app.hub_plan import choose_plugins
from plughub.app.log_setup import check_log_settings, extra_handlers
from plughub.app.observability import Observing
from plughub.app.old_names import apply_old_names
from plughub.app.origins import read_origins
from plughub.app.plugins import PluginChooser, PluginSelection, plugin_names
from plughub.app.problems import refuse_problems, reporting_all_problems
from plughub.app.service_settings import proxy_settings
from plughub.domain.errors import StartError
from plughub.storage.database import Database
from plughub.storage.schema import schema_state, sqlite_path
from plughub.storage.store import Store


@dataclass(frozen=True, slots=True)
class CheckedConfiguration:
    """Result of a check that found no mistake.

    Attributes:
        plugins: the active plugins that a backend comes from, in the order of their hooks.
        database: state of the database, for people.
        warnings: advice on deprecated settings.
    """

    plugins: tuple[str, ...]
    database: str
    warnings: tuple[str, ...]


def check_configuration(config: Config, given: str | None = None) -> CheckedConfiguration:
    """Read a configuration as a start does: settings, plugins, classes, declarations and database.

    Nothing is started or written. What only the start shows remains unchecked, such as ports in use.

    Args:
        config: the configuration; it is changed.
        given: plugin names of the command line, separated by commas.

    Raises:
        StartError: lists all mistakes; or the database is unreachable or needs an upgrade.
    """
    with reporting_all_problems(config, given):
        extra_handlers(config)
        refuse_problems(config, given)
        warnings = apply_old_names(config)
        hub = JupyterHub(config=config)
        check_log_settings(hub)
        selection = _load_plugins(config, hub, given)
        declared_of(hub, selection, scopes_of(hub), hub.base_url)
        extra_pages(hub.extra_handlers)
        if hub.cookie_secret or Path(hub.cookie_secret_file).exists():
            cookie_secret(hub.cookie_secret, Path(hub.cookie_secret_file))
    return CheckedConfiguration(selection.active.names, _database_state(hub), tuple(warnings))


def _load_plugins(config: Config, hub: JupyterHub, given: str | None) -> PluginSelection:
    where = addresses(hub)
    proxy_settings(hub, where, read_origins(hub))
    store = Store(Database("sqlite://"))  # required by the constructors, never opened
    observing = Observing(config, hub, store)
    chooser = PluginChooser(hub, config, store, where.hub_prefix)
    return choose_plugins(chooser, hub, config, plugin_names(given, hub), store, observing)


def _database_state(hub: JupyterHub) -> str:
    """Describe the state of the database.

    Raises:
        StartError: it is unreachable, or outdated and not upgraded at the start.
    """
    path = sqlite_path(hub.db_url)
    if path is not None and not path.exists():
        return f"{path.absolute()} does not exist; the hub creates it"
    state = schema_state(hub.db_url, hub.db_kwargs)
    if state.current:
        return "up to date"
    if state.revision is None:
        return "empty; the hub creates the tables"
    if hub.upgrade_db:
        return "outdated; the hub upgrades it at the start (JupyterHub.upgrade_db)"
    raise StartError(
        f"the database has schema {state.revision}, this hub needs {state.head}",
        hint="back it up, then run: hub upgrade-db",
    )
