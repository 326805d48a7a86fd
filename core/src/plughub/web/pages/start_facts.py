"""Facts that the start page shows: state of the spawners, options of the last start, address of a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from plughub.domain.errors import NotFoundError
from plughub.domain.queries import add_query
from plughub.domain.servers import ServerRecord
from plughub.domain.users import User
from plughub.web.authorization import of_server
from plughub.web.pages.base import PageHandler

BACKEND: Final = "backend"
"""Query parameter with the name of the spawner."""


async def problems_of(
    handler: PageHandler, spawners: Iterable[str], user: str, server: str
) -> Mapping[str, str]:
    """Return why spawners cannot start servers at present, with details for administrators."""
    found = await handler.services.spawner_checks.problems(spawners)
    details = handler.may_see_details(of_server(user, server))
    return {
        name: f"{why.message} ({why.detail})" if details and why.detail else why.message
        for name, why in found.items()
    }


async def last_options(handler: PageHandler, user: User, server: str, backend: str) -> Mapping[str, Any]:
    """Return the options of the last start with a spawner, if the visitor may read them."""
    record = await _last_record(handler, user, server)
    return record.options if record and record.backend in {"", backend} else {}


async def last_spawner(handler: PageHandler, user: User, server: str) -> str:
    """Return the spawner of the last start, if the visitor may read it; empty if there is none."""
    record = await _last_record(handler, user, server)
    return record.backend if record else ""


async def _last_record(handler: PageHandler, user: User, server: str) -> ServerRecord | None:
    if not handler.visitor.may("read:servers", resource=of_server(user.name, server), groups=user.groups):
        return None
    try:
        return await handler.services.servers.get(user.name, server)
    except NotFoundError:
        return None


def start_link(handler: PageHandler, user: User, server: str, backend: str) -> str:
    """Return the path of the start page for links, to which the script appends the chosen options."""
    path = handler.spawn_path(user.name, server)
    if user.name == handler.visitor.name and not server:
        path = handler.hub_path("spawn")  # without a name, it means the default server of each reader
    return add_query(path, urlencode({BACKEND: backend})) if backend else path
