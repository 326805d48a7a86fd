"""Plan of a hub process: the configuration, with the files and the database that the hub needs to run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields
from pathlib import Path

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.configuration import Configuration, read_configuration
from plughub.app.cookie_secret import cookie_secret
from plughub.app.database_reset import reset_database
from plughub.app.service_settings import runtime_folder
from plughub.storage.database import is_in_memory
from plughub.storage.schema import make_schema, prepare_schema, schema_state
from plughub.storage.store import Store

log = logging.getLogger("plughub")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubPlan(Configuration):
    """Plan of a hub process. The schema of its storage is current.

    Attributes:
        runtime_dir: directory for sockets, logs and generated files.
        secret: signs cookies.
    """

    runtime_dir: Path
    secret: bytes = field(repr=False)


def make_plan(config: Config, names: list[str]) -> HubPlan:
    """Read the configuration, choose the plugins, and prepare files and database.

    Args:
        config: the whole configuration.
        names: plugin names of the command line or the environment; empty for the defaults.

    Raises:
        StartError: the configuration, a plugin or the database is invalid; nothing was stored.
    """
    read = read_configuration(config, names)
    hub = read.config
    runtime_dir = runtime_folder(hub.runtime_dir)
    secret = cookie_secret(hub.cookie_secret, Path(hub.cookie_secret_file))
    if hub.debug_db:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    _prepare_database(hub, read.store)
    values = {each.name: getattr(read, each.name) for each in fields(read)}
    return HubPlan(**values, runtime_dir=runtime_dir, secret=secret)


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
