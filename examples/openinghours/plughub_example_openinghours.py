"""A veto: servers start during opening hours only."""

from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plughub import hookimpl
from plughub.kinds import HubContext, Refusal, Server


class Hours(NamedTuple):
    """When servers start, and for whom they always do."""

    opens: time
    closes: time
    zone: ZoneInfo
    exempt: frozenset[str]


hours: list[Hours] = []


@hookimpl
def hub_configure(context: HubContext) -> None:
    settings = context.settings
    hours[:] = [
        Hours(
            opens=time.fromisoformat(settings.get("opens", "08:00")),
            closes=time.fromisoformat(settings.get("closes", "20:00")),
            zone=ZoneInfo(settings.get("zone", "UTC")),
            exempt=frozenset(settings.get("exempt", ())),
        )
    ]


@hookimpl
def hub_authorize_spawn(server: Server) -> Refusal | None:
    [when] = hours
    if server.user.name in when.exempt or is_open(when, datetime.now(when.zone).time()):
        return None
    return Refusal(f"Servers start between {when.opens:%H:%M} and {when.closes:%H:%M} ({when.zone}).")


def is_open(when: Hours, now: time) -> bool:
    if when.opens <= when.closes:
        return when.opens <= now < when.closes
    return now >= when.opens or now < when.closes  # over midnight
