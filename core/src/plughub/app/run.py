"""Run of a hub in this process until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.hub import Hub
from plughub.app.hub_loop import HubLoop
from plughub.app.internal_tls import prepare_tls
from plughub.app.log_setup import extra_handlers, set_up_logging
from plughub.app.login_links import note_for_root
from plughub.app.named_plugins import plugin_names
from plughub.app.pid_file import PidFile
from plughub.app.problems import reporting_all_problems
from plughub.app.signals import EndSignals
from plughub.app.startup import EndedEarlyError
from plughub.classes.processes.descriptors import raise_limit
from plughub.domain.errors import StartError, UnavailableError
from plughub.storage.schema import sqlite_path

log = logging.getLogger("plughub")


Advice = Callable[[Hub], Sequence[str]]
"""Lines to print after the welcome of a running hub."""


def run_hub(config: Config, plugins: str | None = None, advice: Advice | None = None) -> int:
    """Run a hub until a signal ends it.

    Args:
        config: the configuration.
        plugins: names of the active plugins, separated by commas; None for those of the configuration.
        advice: returns lines that are printed once the hub runs.

    Returns:
        The exit code.

    Raises:
        HubError: the hub cannot start.
        TraitError: a setting has an invalid value.
    """
    with reporting_all_problems(config, plugins):
        further = extra_handlers(config)
        settings = JupyterHub(config=config)
        set_up_logging(settings, further)
        if settings.generate_certs:
            return _generate_certificates(settings)
        raise_limit()
        hub = Hub(config, plugin_names(plugins, settings))
        return _run(hub, advice)


def _generate_certificates(settings: JupyterHub) -> int:
    """Create what `internal_ssl` needs, whether it is set or not, and print where it is."""
    is_used, settings.internal_ssl = settings.internal_ssl, True
    where = addresses(settings)
    prepare_tls(settings, where.connect_url)
    folder = Path(settings.internal_certs_location).absolute()
    print(f"certificates of internal_ssl are in {folder}:")
    for file in sorted(folder.rglob("*.crt")):
        print(f"  {file.relative_to(folder)}")
    if not is_used:
        print("the hub uses them when c.JupyterHub.internal_ssl = True is set")
    return 0


def _run(hub: Hub, advice: Advice | None) -> int:
    try:
        with asyncio.Runner(loop_factory=HubLoop) as runner:
            runner.run(_run_until_ended(hub, advice))
    except EndedEarlyError:
        print("hub: stopped during startup", file=sys.stderr)
    except asyncio.CancelledError:
        print("hub: aborted; servers and proxy remain unchanged", file=sys.stderr)
        return 1
    return 0


async def _run_until_ended(hub: Hub, advice: Advice | None) -> None:
    task = asyncio.current_task()

    def abort() -> None:
        if task is not None:
            task.cancel()

    EndSignals(hub.ended.set, abort).listen(asyncio.get_running_loop())
    pid_file = PidFile(hub.plan.config.pid_file)
    with _without_collections():
        await hub.start()
        try:
            pid_file.write()
        except StartError:
            await hub.close()  # leaves servers and proxy running: the next start takes them over
            raise
        try:
            await _print_welcome(hub, advice)
        except BaseException:
            await hub.close()
            pid_file.remove()
            raise
    try:
        await hub.ended.wait()
    finally:
        gc.unfreeze()
        print("hub: stopping", flush=True)
        try:
            await hub.stop()
        finally:
            pid_file.remove()


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Collect no garbage during a start: with many servers, this would take a tenth of its time."""
    gc.disable()
    try:
        yield
    finally:
        # Objects of the start live as long as the hub: scanning them in each collection would cause pauses.
        gc.collect()
        gc.freeze()
        gc.enable()


async def _print_welcome(hub: Hub, advice: Advice | None) -> None:
    """Print the hub's URL, a login link and advice. An unavailable database is no error."""
    lines = [f"hub: running at {hub.url}"]
    try:
        if link := await hub.first_link():
            lines.append(f"hub: log in once with this link (valid for one hour): {link}")
            if note := note_for_root(hub.plan.config.config, hub.plan.selection.active.names):
                lines.append(f"hub: {note}")
    except UnavailableError as error:
        log.warning("no login link was created: %s; create one with the command 'hub link'", error)
    lines += advice(hub) if advice else ()
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
