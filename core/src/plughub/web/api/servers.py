"""State, start, stop and settings of servers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from plughub.domain.clock import isoformat
from plughub.domain.errors import HubError, InvalidError, SpawnFailedError
from plughub.domain.lists import SORTABLE_SERVERS, ServerFilter, ServerQuery
from plughub.domain.names import check_display_name, shorten
from plughub.domain.servers import Failure, ServerRecord
from plughub.domain.users import User
from plughub.web.api.activity import parse_time
from plughub.web.api.base import APIHandler
from plughub.web.api.models import Models
from plughub.web.api.pagination import PageOfList, order_of, page_of
from plughub.web.authorization import check_access, list_coverage, lists, of_server, requires
from plughub.web.bodies import FLAG, TEXT, check_body
from plughub.web.description import PAGE, SERVER, call
from plughub.web.options import named_server_limit

_START: Final = {**SERVER, "backend": TEXT}
_LIST_SCOPE: Final = "read:servers"
_ALL: Final = "all"
_STATES: Final = (*ServerFilter, _ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBody:
    """Body of a start request.

    Attributes:
        options: spawner options; None for those of the last start.
        backend: name of the spawner; empty for the default one.
        display_name: name that pages display; None to leave it unchanged.
    """

    options: Mapping[str, Any] | None = None
    backend: str = ""
    display_name: str | None = None


class ServerHandler(APIHandler):
    """``/hub/api/users/:name/server`` and ``/hub/api/users/:name/servers/:server``."""

    @call(errors=(404,))
    @requires("read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Return a server, including a stopped one."""
        record = await self.services.servers.get(name, server)
        self._answer_model(record, await self.find_user(name))

    @call(success=(201, 202), errors=(404, 429, 500), body=_START)
    @requires("start:servers", about=of_server)
    async def post(self, name: str, server: str = "") -> None:
        """Start a server: 201 if it is ready in time, 202 if the start continues."""
        request = _parse_start(self.json_body())
        found = await self.services.users.details(name)
        user = found.user
        record = await self._current_record(found.servers, server)
        if record is not None and record.pending == "spawn":
            self.answer_nothing(HTTPStatus.ACCEPTED)
            return
        begin = time.monotonic()
        user = await self.services.refresher.before_start(user, self.visitor, self.request_info)
        record = await self.services.servers.start(
            user,
            server,
            options=request.options,
            backend=request.backend,
            by=self.actor,
            named_limit=await named_server_limit(self),
        )
        if request.display_name is not None:
            await self.services.named_servers.set_display_name(record, request.display_name)
        remaining = self.context.options.slow_spawn_timeout - (time.monotonic() - begin)
        record = await self.services.servers.wait(record, remaining)
        self._answer_start(record)

    @call(success=(201,), errors=(404, 409), body=SERVER)
    @requires("start:servers", about=of_server)
    async def put(self, name: str, server: str = "") -> None:
        """Create a named server without starting it."""
        body = self.checked_body("server")
        user = await self.find_user(name)
        record = await self.services.named_servers.create(
            user,
            server,
            display_name=_display_name(body) or "",
            options=body.get("user_options"),
            limit=await named_server_limit(self),
        )
        self.emit_event("create-server", name, server)
        self._answer_model(record, user, HTTPStatus.CREATED)

    @call(errors=(404, 409), body={"name": TEXT, **SERVER})
    @requires("start:servers", about=of_server)
    async def patch(self, name: str, server: str = "") -> None:
        """Change the name, display name or options of a stopped server."""
        body = self.checked_body("server")
        if not body:
            raise InvalidError("Must specify at least one field to modify.")
        new_name = body.get("name")
        if new_name is not None:
            # A scope for single servers must not allow renaming one to a name outside the scope.
            await check_access(self, ("start:servers",), of_server(name, new_name))
        before = await self.services.servers.get(name, server)
        record = await self.services.named_servers.change(
            before,
            name=new_name,
            display_name=_display_name(body),
            options=body.get("user_options"),
            by=self.visitor,
        )
        self.emit_event("change-server", name, record.name, was=before.name)
        self._answer_model(record, await self.find_user(name))

    @call(success=(202, 204), errors=(404, 409), body={"remove": FLAG, "forget": FLAG})
    @requires("delete:servers", about=of_server)
    async def delete(self, name: str, server: str = "") -> None:
        """Stop a server: 204 if it stops in time, 202 if the stop continues; or forget a lost server."""
        body = self.checked_body("server")
        remove = bool(body.get("remove"))
        record = await self.services.servers.get(name, server)
        if body.get("forget"):
            await self._forget(record, remove=remove)
            return
        by, seconds = self.actor, self.context.options.slow_stop_timeout
        has_problem = record.operation is not None and record.operation.problem
        if record.pending == "stop" and not remove and not has_problem:
            self.answer_nothing(HTTPStatus.ACCEPTED)
            return
        await self.services.refresher.before_stop(record.user_id, self.visitor, self.request_info)
        if remove:
            record = await self.services.servers.remove(record, seconds, by=by)
        else:
            record = await self.services.servers.stop(record, by=by)
            record = await self.services.servers.wait(record, seconds)
        if record.running and record.failure is not None:
            raise HubError(self._why(record.failure, record), hint="Try again; the server still runs.")
        self.answer_nothing(HTTPStatus.ACCEPTED if record.active else HTTPStatus.NO_CONTENT)

    async def _forget(self, record: ServerRecord, *, remove: bool) -> None:
        """Mark a server as stopped whose plugin or machine never returns."""
        await check_access(self, ("admin:servers",), of_server(record.user, record.name))
        if remove:
            raise InvalidError("forget the server first, then remove it")
        server = await self.services.force_forget.forget(record)
        self.emit_event("forget-server", server.user, server.name, backend=server.backend, host=server.host)
        self.answer_nothing(HTTPStatus.NO_CONTENT)

    def _why(self, failure: Failure, record: ServerRecord) -> str:
        return failure.describe(details=self.may_see_details(of_server(record.user, record.name)))

    def _answer_model(self, record: ServerRecord, user: User, status: int = HTTPStatus.OK) -> None:
        models = Models(self.services.settings, self.visitor.scopes)
        self.answer(models.server(record, user.groups), status)

    async def _current_record(self, records: Iterable[ServerRecord], server: str) -> ServerRecord | None:
        """Return a server with its state checked now: a server that has died may be started again."""
        record = next((record for record in records if record.name == server), None)
        return None if record is None else await self.services.servers.check(record)

    def _answer_start(self, record: ServerRecord) -> None:
        if record.ready:
            self.answer_nothing(HTTPStatus.CREATED)
        elif record.active and not record.failed_start:
            self.answer_nothing(HTTPStatus.ACCEPTED)
        elif record.failure is not None:
            failure = record.failure
            raise SpawnFailedError(
                self._why(failure, record), html=failure.html, logs=failure.logs, status=failure.status
            )
        else:
            raise InvalidError(f"the start of {record.full_name} was cancelled")


def _parse_start(body: Mapping[str, Any]) -> StartBody:
    """Parse the body of a start. Without the keys of the newer form, the whole body is the options."""
    if not body:
        return StartBody()
    if not body.keys() & {"display_name", "user_options"}:
        return StartBody(options=body)
    check_body(body, _START, "server")
    return StartBody(
        options=body.get("user_options"),
        backend=body.get("backend") or "",
        display_name=_display_name(body),
    )


def _display_name(body: Mapping[str, Any]) -> str | None:
    name = body.get("display_name")
    return None if name is None else check_display_name(name)


class ServerListHandler(APIHandler):
    """``/hub/api/servers``."""

    @call(query={"state": TEXT, "backend": TEXT, "name_filter": TEXT, "sort": TEXT, **PAGE})
    @lists(_LIST_SCOPE, kinds=("user", "group", "server"))
    async def get(self) -> None:
        """List the servers that the scopes cover, of all users; the active ones unless ``state`` is given."""
        page = page_of(self)
        found = await self.services.console_lists.servers(self._query(page))
        models = Models(self.services.settings, self.visitor.scopes)
        shown = [
            {
                "user": item.server.user,
                "backend": item.server.backend,
                **models.server(item.server, item.user.groups),
            }
            for item in found.items
        ]
        self.answer(page.wrap(self, shown, found.total))

    def _query(self, page: PageOfList) -> ServerQuery:
        state = self.get_query_argument("state", ServerFilter.ACTIVE)
        if state not in _STATES:
            raise InvalidError(f"state must be one of {', '.join(_STATES)}, not {shorten(state)}")
        sort, descending = order_of(self, SORTABLE_SERVERS, "user")
        return ServerQuery(
            within=list_coverage(self, _LIST_SCOPE),
            state=None if state == _ALL else ServerFilter(state),
            backend=self.get_query_argument("backend", ""),
            text=self.get_query_argument("name_filter", ""),
            sort=sort,
            descending=descending,
            offset=page.offset,
            limit=page.limit,
        )


class AnnouncedStopHandler(APIHandler):
    """``…/announced-stop``: when a culler will stop a server, and when its backend ends it."""

    @call(errors=(404,))
    @requires("read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Return the announced stop of a server; null for what is unknown."""
        record = await self.services.servers.get(name, server)
        self.answer(
            {
                "at": _text(record.stop_at),
                "reason": record.stop_reason or None,
                "ends_at": _text(record.ends_at),
            }
        )

    @call(success=(204,), errors=(404,), body={"at": TEXT, "reason": TEXT})
    @requires("delete:servers", about=of_server)
    async def put(self, name: str, server: str = "") -> None:
        """Announce when a running server will be stopped, for its user to know."""
        body = self.checked_body("stop")
        record = await self.services.servers.get(name, server)
        at = body.get("at")
        if at is None:
            raise InvalidError("'at' must be a time, such as 2030-01-31T17:00:00Z")
        await self.services.announced_stops.announce(record, parse_time(at), body.get("reason") or "")
        self.answer_nothing(HTTPStatus.NO_CONTENT)

    @call(success=(204,), errors=(404,))
    @requires("delete:servers", about=of_server)
    async def delete(self, name: str, server: str = "") -> None:
        """Withdraw the announced stop."""
        record = await self.services.servers.get(name, server)
        await self.services.announced_stops.announce(record, None)
        self.answer_nothing(HTTPStatus.NO_CONTENT)


def _text(at: float | None) -> str | None:
    return None if at is None else isoformat(datetime.fromtimestamp(at, UTC))
