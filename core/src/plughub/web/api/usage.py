"""Resources that a running server uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from plughub.domain.clock import isoformat
from plughub.services.servers.usage import Reading
from plughub.web.api.base import APIHandler
from plughub.web.authorization import of_server, requires
from plughub.web.description import call


class UsageHandler(APIHandler):
    """``…/usage``: CPU, memory and disk of a server."""

    @call(errors=(404,))
    @requires("read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Return what a server uses, and the last readings; null for what is unknown."""
        record = await self.services.servers.get(name, server)
        reading = await self.services.usage.read(record)
        self.answer(usage_model(reading, self.services.usage.history(record)))


def usage_model(reading: Reading | None, history: Sequence[Reading] = ()) -> dict[str, Any]:
    """Build the model of a server's usage.

    Args:
        reading: the last reading; None if the usage is unknown.
        history: earlier readings, oldest first.
    """
    usage = reading.usage if reading else None
    return {
        "measured": _time(reading) if reading else None,
        "cpu": usage and _rounded(usage.cpu),
        "cpu_limit": usage and usage.cpu_limit,
        "memory": usage and usage.memory,
        "memory_limit": usage and usage.memory_limit,
        "disk": usage and usage.disk,
        "disk_limit": usage and usage.disk_limit,
        "history": [
            {"at": _time(one), "cpu": _rounded(one.usage.cpu), "memory": one.usage.memory} for one in history
        ],
    }


def _time(reading: Reading) -> str | None:
    return isoformat(datetime.fromtimestamp(reading.at, UTC))


def _rounded(cores: float | None) -> float | None:
    return None if cores is None else round(cores, 3)
