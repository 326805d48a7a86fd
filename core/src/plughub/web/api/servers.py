"""Servers: look, start, stop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from plughub.domain.errors import HubError, InvalidError, SpawnFailedError
from plughub.domain.names import check_display_name
from plughub.domain.servers import Failure, ServerRecord
from plughub.domain.users import User
from plughub.web.api.base import APIHandler
from plughub.web.api.models import Models
from plughub.web.authorization import check_access, of_server, requires
from plughub.web.bodies import FLAG, TEXT, check_body
from plughub.web.description import SERVER, call
from plughub.web.options import named_server_limit

_START: Final = {**SERVER, "backend": TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartBody:
    """What the body of a start asks for.

    Attributes:
        options: for the spawner; None for those of the last time.
        backend: the spawner; empty for the default one.
        display_name: what pages call the server; None to leave it.
    """

    options: Mapping[str, Any] | None = None
    backend: str = ""
    display_name: str | None = None


class ServerHandler(APIHandler):
    """``/hub/api/users/:name/server`` and ``/hub/api/users/:name/servers/:server``."""

    @call(bad=(404,))
    @requires("read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Show a server, also one that does not run."""
        record = await self.services.servers.get(name, server)
        self._answer_model(record, await self.find_user(name))

    @call(good=(201, 202), bad=(404, 429, 500), body=_START)
    @requires("start:servers", about=of_server)
    async def post(self, name: str, server: str = "") -> None:
        """Start a server: 201 when it runs in time, 202 when it is on its way."""
        wishes = _wishes(self.json_body())
        found = await self.services.users.whole(name)
        user = found.user
        record = await self._look_again(found.servers, server)
        if record is not None and record.pending == "spawn":
            self.answer_nothing(HTTPStatus.ACCEPTED)
            return
        begin = time.monotonic()
        user = await self.services.refresher.before_start(user, self.visitor)
        record = await self.services.servers.start(
            user,
            server,
            options=wishes.options,
            backend=wishes.backend,
            by=self.by,
            named_limit=await named_server_limit(self),
        )
        if wishes.display_name is not None:
            await self.services.named_servers.call(record, wishes.display_name)
        left = self.context.options.slow_spawn_timeout - (time.monotonic() - begin)
        record = await self.services.servers.wait(record, left)
        self._answer_start(record)

    @call(good=(201,), bad=(404, 409), body=SERVER)
    @requires("start:servers", about=of_server)
    async def put(self, name: str, server: str = "") -> None:
        """Make a named server without starting it."""
        body = self.checked_body("server")
        user = await self.find_user(name)
        record = await self.services.named_servers.create(
            user,
            server,
            display_name=_display_name(body) or "",
            options=body.get("user_options"),
            limit=await named_server_limit(self),
        )
        self.tell("create-server", name, server)
        self._answer_model(record, user, HTTPStatus.CREATED)

    @call(bad=(404, 409), body={"name": TEXT, **SERVER})
    @requires("start:servers", about=of_server)
    async def patch(self, name: str, server: str = "") -> None:
        """Change the name, the display name or the options of a server that does not run."""
        body = self.checked_body("server")
        new_name = body.get("name")
        if new_name is not None:
            # Who may start only some servers must not make this one into another.
            await check_access(self, ("start:servers",), of_server(name, new_name))
        before = await self.services.servers.get(name, server)
        record = await self.services.named_servers.change(
            before,
            name=new_name,
            display_name=_display_name(body),
            options=body.get("user_options"),
            by=self.visitor,
        )
        self.tell("change-server", name, record.name, was=before.name)
        self._answer_model(record, await self.find_user(name))

    @call(good=(202, 204), bad=(404, 409), body={"remove": FLAG, "forget": FLAG})
    @requires("delete:servers", about=of_server)
    async def delete(self, name: str, server: str = "") -> None:
        """Stop a server: 204 when it is gone in time, 202 when it is on its way; or forget a lost one."""
        body = self.checked_body("server")
        remove = bool(body.get("remove"))
        record = await self.services.servers.get(name, server)
        if body.get("forget"):
            await self._forget(record, remove=remove)
            return
        by, seconds = self.by, self.context.options.slow_stop_timeout
        put_off = record.operation is not None and record.operation.trouble
        if record.pending == "stop" and not remove and not put_off:
            self.answer_nothing(HTTPStatus.ACCEPTED)
            return
        await self.services.refresher.before_stop(record.user_id, self.visitor)
        if remove:
            record = await self.services.servers.remove(record, seconds, by=by)
        else:
            record = await self.services.servers.stop(record, by=by)
            record = await self.services.servers.wait(record, seconds)
        if record.running and record.failure is not None:
            raise HubError(self._why(record.failure, record), hint="Try again; the server still runs.")
        self.answer_nothing(HTTPStatus.ACCEPTED if record.active else HTTPStatus.NO_CONTENT)

    async def _forget(self, record: ServerRecord, *, remove: bool) -> None:
        """Call a server stopped whose plugin or machine never returns."""
        await check_access(self, ("admin:servers",), of_server(record.user, record.name))
        if remove:
            raise InvalidError("forget the server first, then remove it")
        gone = await self.services.force_forget.forget(record)
        self.tell("forget-server", gone.user, gone.name, backend=gone.backend, host=gone.host)
        self.answer_nothing(HTTPStatus.NO_CONTENT)

    def _why(self, failure: Failure, record: ServerRecord) -> str:
        return failure.told(details=self.sees_details(of_server(record.user, record.name)))

    def _answer_model(self, record: ServerRecord, user: User, status: int = HTTPStatus.OK) -> None:
        models = Models(self.services.settings, self.visitor.scopes)
        self.answer(models.server(record, user.groups), status)

    async def _look_again(self, records: Iterable[ServerRecord], server: str) -> ServerRecord | None:
        """Find a server as it is right now: one that has died may be started again."""
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


def _wishes(body: Mapping[str, Any]) -> StartBody:
    """Read options, spawner and display name; without the keys of the newer form it is all options."""
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
