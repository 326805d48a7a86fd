"""``hub``: run until a signal ends it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Sequence
from typing import Final

from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import LazyConfigValue

from plughub.app.config import JupyterHub
from plughub.app.config_files import bad_value
from plughub.app.hub import Hub
from plughub.app.plugins import plugin_names
from plughub.app.problems import with_all_problems
from plughub.app.startup import EndedEarlyError
from plughub.classes.processes.descriptors import raise_limit
from plughub.cli.pid_file import PidFile
from plughub.cli.signals import EndSignals
from plughub.domain.errors import MISTAKE, HubError, StartError, UnavailableError, exit_code_of
from plughub.services.observability.log_rate_limit import LogRateLimit
from plughub.storage.schema import sqlite_path

log = logging.getLogger("plughub")
FORMAT: Final = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


def run_hub(options: argparse.Namespace, config: Config) -> int:
    """Run a hub.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    try:
        hub = _build(config, options.plugins)
    except (TraitError, HubError) as error:
        first = bad_value(error) if isinstance(error, TraitError) else error
        shown = with_all_problems(first, config, options.plugins) if exit_code_of(first) == MISTAKE else first
        if shown is error:
            raise
        raise shown from first
    return _run(hub)


def _build(config: Config, plugins: str | None) -> Hub:
    further = extra_handlers(config)
    settings = JupyterHub(config=config)
    set_up_logging(settings.log_level, further, settings.log_lines_of_strangers_per_hour)
    raise_limit()
    return Hub(config, plugin_names(plugins, settings))


def _run(hub: Hub) -> int:
    try:
        asyncio.run(_live(hub))
    except EndedEarlyError:
        print("hub: stopped before it ran", file=sys.stderr)
    except asyncio.CancelledError:
        print("hub: ended in a hurry: servers and proxy are left as they are", file=sys.stderr)
        return 1
    return 0


def extra_handlers(config: Config) -> list[logging.Handler]:
    """Find the further handlers that a config file sets.

    Args:
        config: the configuration.

    Returns:
        The handlers.

    Raises:
        StartError: it is no list, or one is no handler.
    """
    # Not read by traitlets, which would copy the value: a handler holds a lock and cannot be copied.
    section = config.get("JupyterHub", Config())
    given = section.pop("extra_log_handlers", ())
    if isinstance(given, LazyConfigValue):  # from c.JupyterHub.extra_log_handlers.append(…)
        given = given.get_value([])
    if not isinstance(given, list | tuple) or not all(isinstance(one, logging.Handler) for one in given):
        raise StartError("c.JupyterHub.extra_log_handlers must be a list of logging.Handler")
    return list(given)


def set_up_logging(
    level: str | int, further: Sequence[logging.Handler] = (), lines_of_strangers: int = 0
) -> None:
    """Log to standard error.

    Args:
        level: name or number of the level.
        further: handlers that are told, too; one without a form gets the usual one.
        lines_of_strangers: in an hour, about requests of whoever is not logged in; 0 for any number.

    Raises:
        StartError: there is no such level.
    """
    try:
        logging.basicConfig(
            level=int(level) if str(level).isdigit() else str(level).upper(),
            format=FORMAT,
            handlers=[logging.StreamHandler(sys.stderr), *further],
            force=True,
        )
    except ValueError as error:
        raise StartError(f"c.JupyterHub.log_level: {error}") from error
    few = LogRateLimit(lines_of_strangers)
    for handler in logging.getLogger().handlers:
        handler.addFilter(few)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # unknown settings are refused, all at once


async def _live(hub: Hub) -> None:
    myself = asyncio.current_task()

    def hurry() -> None:
        if myself is not None:
            myself.cancel()

    EndSignals(hub.ended.set, hurry).listen(asyncio.get_running_loop())
    pid_file = PidFile(hub.plan.config.pid_file)
    try:
        pid_file.check()
    except StartError:
        await hub.close()
        raise
    await hub.start()
    try:
        pid_file.write()
    except StartError:
        await hub.close()  # servers and proxy are left as they are: the next start finds them
        raise
    try:
        await _greet(hub)
    except BaseException:
        await hub.close()
        pid_file.remove()
        raise
    try:
        # What is there now stays as long as the hub runs: to look through it for garbage holds up everybody.
        gc.collect()
        gc.freeze()
        await hub.ended.wait()
    finally:
        gc.unfreeze()
        print("hub: stopping", flush=True)
        try:
            await hub.stop()
        finally:
            pid_file.remove()


async def _greet(hub: Hub) -> None:
    """Say where the hub is; a database that is away for a moment does not end it."""
    lines = [f"hub: running at {hub.url}"]
    try:
        if link := await hub.first_link():
            lines.append(f"hub: log in once with this link (an hour long): {link}")
    except UnavailableError as error:
        log.warning("no login link was made: %s; the command 'hub link' makes one", error)
    print("\n".join(lines), flush=True)
    with contextlib.suppress(UnavailableError):
        await _warn_of_others(hub)


async def _warn_of_others(hub: Hub) -> None:
    file = sqlite_path(hub.plan.config.db_url)
    if file and (others := await hub.parts.services.hub_registry.others()):
        log.warning(
            "process %s uses the database %s, too: end one of them; several hubs share a PostgreSQL only",
            ", ".join(str(other.pid) for other in others),
            file,
        )
