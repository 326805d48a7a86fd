"""Asking for the stop of several servers at once, until each is asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from plughub.domain.errors import HubError, NotFoundError
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import STOP_ALL_BACKOFF
from plughub.services.servers.servers import ServerService

log = logging.getLogger("plughub.servers")


async def stop_all(servers: ServerService, records: Collection[ServerRecord]) -> None:
    """Ask for the stop of servers, again after a growing pause for those where it could not be asked for.

    Args:
        servers: stops them.
        records: which.
    """
    left, failures = list(records), 0
    while left := [server for server in left if not await _stop(servers, server)]:
        failures += 1
        await asyncio.sleep(STOP_ALL_BACKOFF.after(failures))


async def _stop(servers: ServerService, server: ServerRecord) -> bool:
    """Ask for a stop; False when that is to be tried again."""
    try:
        await servers.stop(server)
    except NotFoundError:
        log.info("%s was deleted meanwhile", server.full_name)
    except HubError as error:
        log.warning("the stop of %s could not be asked for: %s", server.full_name, error)
        return False
    except Exception:
        log.exception("the stop of %s could not be asked for", server.full_name)
        return False
    return True
