"""Bulk stop of servers."""

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
    """Request the stop of servers, and retry with growing delays where the request fails."""
    remaining, failures = list(records), 0
    while remaining := [server for server in remaining if not await _stop(servers, server)]:
        failures += 1
        await asyncio.sleep(STOP_ALL_BACKOFF.after(failures))


async def _stop(servers: ServerService, server: ServerRecord) -> bool:
    """Request a stop; return False when that must be retried."""
    try:
        await servers.stop(server)
    except NotFoundError:
        log.info("%s was deleted in the meantime", server.full_name)
    except HubError as error:
        log.warning("cannot request the stop of %s: %s", server.full_name, error)
        return False
    except Exception:
        log.exception("cannot request the stop of %s", server.full_name)
        return False
    return True
