"""Run of a hub in this process until a signal ends it."""

from __future__ import annotations

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
from plughub.app.pid_file import PidFile
from plughub.app.plugins import plugin_names
from plughub.app.problems import with_all_problems
from plughub.app.signals import EndSignals
from plughub.app.startup import EndedEarlyError
from plughub.classes.processes.descriptors import raise_limit
from plughub.domain.errors import MISTAKE, HubError, StartError, UnavailableError, exit_code_of
from plughub.services.observability.log_rate_limit import LogRateLimit
from plughub.storage.schema import sqlite_path

log = logging.getLogger("plughub")
FORMAT: Final = "%(asctime)s %(levelname).1s %(name)s: %(message)s"


def run_hub(config: Config, plugins: str | None = None) -> int:
    """Run a hub until a signal ends it.

    Args:
        config: the configuration.
        plugins: names of the active plugins, separated by commas; None for those of the configuration.

    Returns:
        The exit code.

    Raises:
        HubError: the hub cannot start.
        TraitError: a setting has an invalid value.
    """
    try:
        hub = _build(config, plugins)
    except (TraitError, HubError) as error:
        first = bad_value(error) if isinstance(error, TraitError) else error
        shown = with_all_problems(first, config, plugins) if exit_code_of(first) == MISTAKE else first
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
        asyncio.run(_run_until_ended(hub))
    except EndedEarlyError:
        print("hub: stopped during startup", file=sys.stderr)
    except asyncio.CancelledError:
        print("hub: aborted; servers and proxy remain unchanged", file=sys.stderr)
        return 1
    return 0


def extra_handlers(config: Config) -> list[logging.Handler]:
    """Return the additional logging handlers of the config file.

    Raises:
        StartError: the setting is not a list of handlers.
    """
    # Traitlets would copy the value, but a handler holds a lock and cannot be copied.
    section = config.get("JupyterHub", Config())
    given = section.pop("extra_log_handlers", ())
    if isinstance(given, LazyConfigValue):  # from c.JupyterHub.extra_log_handlers.append(…)
        given = given.get_value([])
    if not isinstance(given, list | tuple) or not all(isinstance(one, logging.Handler) for one in given):
        raise StartError("c.JupyterHub.extra_log_handlers must be a list of logging.Handler")
    return list(given)


def set_up_logging(
    level: str | int, further: Sequence[logging.Handler] = (), anonymous_lines: int = 0
) -> None:
    """Log to standard error and to additional handlers.

    Args:
        level: name or number of the level.
        further: additional handlers; a handler without a formatter gets the default one.
        anonymous_lines: maximum number of lines an hour about unauthenticated requests; 0 for no limit.

    Raises:
        StartError: the level does not exist.
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
    rate_limit = LogRateLimit(anonymous_lines)
    for handler in logging.getLogger().handlers:
        handler.addFilter(rate_limit)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # the hub itself reports unknown settings


async def _run_until_ended(hub: Hub) -> None:
    task = asyncio.current_task()

    def abort() -> None:
        if task is not None:
            task.cancel()

    EndSignals(hub.ended.set, abort).listen(asyncio.get_running_loop())
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
        await hub.close()  # leaves servers and proxy running: the next start takes them over
        raise
    try:
        await _print_welcome(hub)
    except BaseException:
        await hub.close()
        pid_file.remove()
        raise
    try:
        # Objects of the start live as long as the hub: scanning them in each collection would cause pauses.
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


async def _print_welcome(hub: Hub) -> None:
    """Print the hub's URL and a login link; a database that is temporarily unavailable is no error."""
    lines = [f"hub: running at {hub.url}"]
    try:
        if link := await hub.first_link():
            lines.append(f"hub: log in once with this link (valid for one hour): {link}")
    except UnavailableError as error:
        log.warning("no login link was created: %s; create one with the command 'hub link'", error)
    print("\n".join(lines), flush=True)
    with contextlib.suppress(UnavailableError):
        await _warn_of_others(hub)


async def _warn_of_others(hub: Hub) -> None:
    file = sqlite_path(hub.plan.config.db_url)
    if file and (others := await hub.parts.services.hub_registry.others()):
        log.warning(
            "process %s also uses the database %s: stop one of them; to run several hubs, use PostgreSQL",
            ", ".join(str(other.pid) for other in others),
            file,
        )
