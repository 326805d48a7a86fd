"""Hub processes under this machine's name that this one cannot see: in a container, or on another machine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from plughub.classes.processes.identity import process_space
from plughub.domain.errors import RETRY, StartError
from plughub.domain.hub_processes import HubProcess
from plughub.domain.timings import ALIVE_LEASES, NAMESAKE_POLL_SECONDS, NAMESAKE_POLLS_PER_LEASE
from plughub.services.settings import HubSettings
from plughub.storage.store import Store, Transaction

log = logging.getLogger("plughub.membership")


def is_namesake(hub: HubProcess, host: str) -> bool:
    """Tell whether a process has this machine's name, and runs where its number means nothing here.

    Args:
        hub: the process.
        host: this machine's name.

    Returns:
        False where that cannot be told.
    """
    here = process_space()
    return bool(hub.host == host and here and hub.space and hub.space != here)


async def wait_for_namesakes(store: Store, settings: HubSettings) -> Mapping[str, float]:
    """Wait until it is known that no process of this machine's name lives elsewhere.

    There is such a one after a container was killed, or a machine was booted. It is told from one that lives
    by its signs of life, for which one lease is waited when the last one was given lately.

    Args:
        store: the storage.
        settings: of this process.

    Returns:
        Those that are gone, and when they gave their last sign of life, in seconds.

    Raises:
        StartError: one lives.
    """
    now, gone = await store.read(lambda tx: _look(tx, settings.host))
    if not any(seen > now - ALIVE_LEASES * settings.lease for seen in gone.values()):
        return gone
    log.warning("waiting %g s whether another hub under the name %r lives", settings.lease, settings.host)
    ends = time.monotonic() + settings.lease
    while time.monotonic() < ends:
        await asyncio.sleep(min(NAMESAKE_POLL_SECONDS, settings.lease / NAMESAKE_POLLS_PER_LEASE))
        _, later = await store.read(lambda tx: _look(tx, settings.host))
        if not later.items() <= gone.items():
            raise same_name(settings.host)
    return gone


def same_name(host: str) -> StartError:
    """Say that a name is not one machine's alone.

    Args:
        host: the name.

    Returns:
        What to raise.
    """
    return StartError(
        f"another hub is on a machine or in a container that is called {host!r}, too: what is bound to one "
        "could not be told from what is bound to the other",
        hint="set JupyterHub.host_name to a name of its own for each",
        exit_code=RETRY,  # the other one may be about to end
    )


def _look(tx: Transaction, host: str) -> tuple[float, dict[str, float]]:
    return tx.now(), {hub.id: hub.seen for hub in tx.hub_processes.list() if is_namesake(hub, host)}
