"""Check of a configuration as a whole, without starting or writing anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.configuration import Configuration, read_configuration
from plughub.app.log_setup import extra_handlers
from plughub.app.named_plugins import plugin_names
from plughub.app.plugin_configuration import unavailable_spawners
from plughub.app.ports_in_use import ports_in_use
from plughub.app.problems import refuse_problems, reporting_all_problems
from plughub.app.watched_parts import watched_parts
from plughub.domain.errors import StartError
from plughub.domain.explanations import explained, with_details
from plughub.domain.services import ServiceDeclaration
from plughub.plugin.manager import KINDS
from plughub.storage.database import is_in_memory
from plughub.storage.inspection import read_state
from plughub.storage.schema import sqlite_path


@dataclass(frozen=True, slots=True)
class CheckedConfiguration:
    """Result of a check that found no mistake.

    Attributes:
        plugins: the active plugins, in the order of their hooks, without those that are always active.
        database: state of the database, for people.
        warnings: problems that are no mistakes in the configuration, such as ports in use.
    """

    plugins: tuple[str, ...]
    database: str
    warnings: tuple[str, ...]


def check_configuration(config: Config, given: str | None = None) -> CheckedConfiguration:
    """Read a configuration as a start does: settings, plugins, classes, declarations, database and ports.

    Plugins are configured, but nothing is started, and nothing that was written remains.

    Args:
        config: the configuration; it is changed.
        given: plugin names of the command line, separated by commas.

    Raises:
        StartError: lists all mistakes; or the database is unreachable or needs an upgrade.
    """
    with reporting_all_problems(config, given):
        extra_handlers(config)
    refuse_problems(config, given)
    with reporting_all_problems(config, given):
        read = read_configuration(config, plugin_names(given, JupyterHub(config=config)))
    database = _database_state(read.config)
    warnings = (
        *_findings(read.config),
        *_unavailable_spawners(read),
        *_missing_programs(read.declared.services),
        *ports_in_use(read.config, read.selection.proxy_backend),
    )
    plugins = tuple(name for name in read.selection.active.names if _is_chosen(read, name))
    return CheckedConfiguration(plugins, database, warnings)


def _is_chosen(read: Configuration, name: str) -> bool:
    """Return whether a plugin was named or is a default, in contrast to the internal ones."""
    selection = read.selection
    return name in selection.installed or any(name in selection.active.owners(kind) for kind in KINDS)


def _findings(hub: JupyterHub) -> Iterator[str]:
    """Yield a warning for what `hub doctor` finds in the configuration, such as an expired certificate."""
    watched = watched_parts(hub, addresses(hub).ip, Path(hub.runtime_dir))
    for finding in watched.check_configuration():
        yield f"{finding.message}: {finding.action}"


def _unavailable_spawners(read: Configuration) -> Iterator[str]:
    """Yield a warning for each spawner that cannot start servers now."""
    for name, why in unavailable_spawners(read.config, read.selection).items():
        reason = explained(with_details(str(why.message).rstrip("."), why.detail), details=True)
        yield f"plugin {name!r} cannot start servers: {reason}"


def _missing_programs(services: Iterable[ServiceDeclaration]) -> Iterator[str]:
    """Yield a warning for each service that the hub cannot launch now; it retries while it runs."""
    for service in services:
        if not service.command:
            continue
        folder = Path(service.cwd or ".").absolute()
        if not folder.is_dir():
            yield f"service {service.name!r} cannot be started: there is no folder {folder}"
        program = service.command[0]
        place = folder / program if "/" in program else program
        path = service.environment.get("PATH") or os.environ.get("PATH")
        if shutil.which(place, path=path) is None:
            yield f"service {service.name!r} cannot be started: there is no program {program!r} on the PATH"


def _database_state(hub: JupyterHub) -> str:
    """Describe the state of the database.

    Raises:
        StartError: it is unreachable, or outdated and not upgraded at the start.
    """
    if is_in_memory(hub.db_url):
        return "in memory, lost when the hub stops"
    path = sqlite_path(hub.db_url)
    if path is not None and not path.exists():
        return f"{path.absolute()} does not exist; the hub creates it"
    state = read_state(hub.db_url, hub.db_kwargs)
    if state.current:
        return "up to date"
    if hub.reset_db:
        return "the hub deletes everything in it at the start (JupyterHub.reset_db)"
    if state.revision is None:
        return "empty; the hub creates the tables"
    if hub.upgrade_db:
        return "outdated; the hub upgrades it at the start (JupyterHub.upgrade_db)"
    raise StartError(
        f"the database has schema {state.revision}, this hub needs {state.head}",
        hint="back it up, then run: hub upgrade-db",
    )
