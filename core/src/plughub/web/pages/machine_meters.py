"""Meters of the free resources of machines."""

from __future__ import annotations

from typing import Any

from plughub.domain.machine_state import MachineState
from plughub.domain.usage import GIB
from plughub.domain.words import Text, _
from plughub.web.base import BaseHandler
from plughub.web.languages import in_groups


def machine_row(machine: MachineState) -> dict[str, Any]:
    """Return the meters of a machine for administrators: title, text and numbers of each."""
    disks = [_meter(_("Disk of %(path)s", path=disk.path), disk.total, disk.free) for disk in machine.disks]
    return {"host": machine.host, "meters": [*_load_and_memory(machine), *disks]}


async def free_resources(handler: BaseHandler, backend: str) -> list[dict[str, Any]]:
    """Return the meters of the machine on which a spawner starts servers, for the start page.

    Args:
        handler: handler of the page.
        backend: the spawner.

    Returns:
        Nothing unless the setting allows it and the servers share this machine.
    """
    info = handler.services.settings.spawners[backend]
    if not (handler.context.options.show_free_resources and info.host_bound):
        return []
    machine = await handler.services.monitor.machine()
    disks = [_meter(_("Disk"), disk.total, disk.free) for disk in machine.disks]
    return [*_load_and_memory(machine), *disks]


def _load_and_memory(machine: MachineState) -> list[dict[str, Any]]:
    load = {
        "title": _("CPU load"),
        "text": _("%(load)s of %(cpus)s cores", load=in_groups(machine.load), cpus=str(machine.cpus)),
        "value": f"{machine.load:.2f}",
        "max": str(machine.cpus),
        "high": f"{0.9 * machine.cpus:.2f}",
    }
    memory = [_meter(_("Memory"), machine.memory, machine.memory_free)] if machine.memory else []
    return [load, *memory]


def _meter(title: Text, total: int, free: int) -> dict[str, Any]:
    return {
        "title": title,
        "text": _("%(free)s free of %(total)s", free=_gib(free), total=_gib(total)),
        "value": str(total - free),
        "max": str(total),
        "high": str(int(0.9 * total)),
    }


def _gib(size: int) -> str:
    return f"{in_groups(size / GIB)} GiB"
