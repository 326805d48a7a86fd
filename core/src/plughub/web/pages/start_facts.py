"""Facts that the start page shows: state of the spawners, options of the last start, address of a link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from plughub.domain.errors import NotFoundError
from plughub.domain.queries import add_query
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
    if not handler.visitor.may("read:servers", resource=of_server(user.name, server)):
        return {}
    try:
        record = await handler.services.servers.get(user.name, server)
    except NotFoundError:
        return {}
    return record.options if record.backend in {"", backend} else {}


def start_link(handler: PageHandler, user: User, server: str, backend: str) -> str:
    """Return the path of the start page for links, to which the script appends the chosen options."""
    path = handler.spawn_path(user.name, server)
    if user.name == handler.visitor.name and not server:
        path = handler.hub_path("spawn")  # without a name, it means the default server of each reader
    return add_query(path, urlencode({BACKEND: backend})) if backend else path
