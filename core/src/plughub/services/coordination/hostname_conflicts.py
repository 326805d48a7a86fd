"""Conflicts between hub processes in different containers or machines with the same hostname."""

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


def has_conflicting_hostname(hub: HubProcess, host: str) -> bool:
    """Return whether a hub process has this machine's hostname but runs elsewhere; False when unknown.

    Args:
        hub: the process, as it is stored.
        host: name of this machine.
    """
    here = process_space()
    return bool(hub.host == host and here and hub.space and hub.space != here)


async def wait_for_hostname_conflicts(store: Store, settings: HubSettings) -> Mapping[str, float]:
    """Wait until no other machine or container with this hostname can be running a hub process.

    Args:
        store: the storage.
        settings: settings of this process.

    Returns:
        The last heartbeats of dead processes with this hostname, in seconds, by id.

    Raises:
        StartError: such a process is alive.
    """
    # After a container was killed or a machine rebooted, its entry is still there. Only a further heartbeat
    # shows that the process is alive, so wait for one lease if the last one is recent.
    now, dead = await store.read(lambda tx: _read(tx, settings.host))
    if not any(seen > now - ALIVE_LEASES * settings.lease for seen in dead.values()):
        return dead
    log.warning("waiting %g s for heartbeats of another hub with host name %r", settings.lease, settings.host)
    ends = time.monotonic() + settings.lease
    while time.monotonic() < ends:
        await asyncio.sleep(min(NAMESAKE_POLL_SECONDS, settings.lease / NAMESAKE_POLLS_PER_LEASE))
        _, later = await store.read(lambda tx: _read(tx, settings.host))
        if not later.items() <= dead.items():
            raise hostname_conflict(settings.host)
    return dead


def hostname_conflict(host: str) -> StartError:
    """Return the error for a host name that is not unique."""
    return StartError(
        f"another hub process runs on a machine or in a container with the same host name, {host!r}: servers "
        "that are bound to a machine could not be assigned to one of them",
        hint="set JupyterHub.host_name to a different name on each",
        exit_code=RETRY,  # the other process may be about to end
    )


def _read(tx: Transaction, host: str) -> tuple[float, dict[str, float]]:
    return tx.now(), {
        hub.id: hub.seen for hub in tx.hub_processes.list() if has_conflicting_hostname(hub, host)
    }
