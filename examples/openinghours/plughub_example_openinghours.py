"""Veto that limits starts to opening hours."""

from datetime import datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plughub import hookimpl
from plughub.kinds import HubContext, Refusal, Server


class Hours(NamedTuple):
    """Opening hours, and the users exempt from them."""

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
    [opening] = hours
    if server.user.name in opening.exempt or is_open(opening, datetime.now(opening.zone).time()):
        return None
    return Refusal(
        f"Servers start between {opening.opens:%H:%M} and {opening.closes:%H:%M} ({opening.zone})."
    )


def is_open(opening: Hours, now: time) -> bool:
    if opening.opens <= opening.closes:
        return opening.opens <= now < opening.closes
    return now >= opening.opens or now < opening.closes  # open past midnight
