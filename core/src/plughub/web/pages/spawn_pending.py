"""Page that shows the progress of a start or stop, and why a start failed."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from plughub.domain.servers import Failure, ServerRecord, profile_of
from plughub.domain.words import _, ngettext
from plughub.services.servers.start_durations import UsualDuration
from plughub.web.authorization import of_server, requires
from plughub.web.pages.base import PageHandler, trusted
from plughub.web.pages.logs import log_stream_path

LONG_START: Final = 100
"""Seconds above which the usual duration of a start is shown in minutes."""


class SpawnPendingHandler(PageHandler):
    """``/hub/spawn-pending/user[/server]``. Viewing it starts nothing."""

    @requires("start:servers", "read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Show the progress, or redirect to the server."""
        record = await self.services.servers.get(name, server)
        if record.ready:
            self.redirect(self.onward(self.link_to(record)))
            return
        groups = (await self.find_user(record.user)).groups
        if record.pending == "spawn":
            await self._show_start(record, groups)
        elif record.running:
            show_unreachable(self, record, groups)
        elif record.active and not record.failed_start:
            self._show_progress("stop_pending.html", record, self.server_card(record, groups))
        else:
            show_not_running(self, record, groups)

    async def _show_start(self, record: ServerRecord, groups: Collection[str]) -> None:
        operation = record.operation
        usual = await self.services.start_durations.usual(record, operation) if operation else None
        card = self.server_card(record, groups)
        self._show_progress(
            "spawn_pending.html",
            record,
            card,
            log_stream_url=log_stream_path(self, record) if card["logs_url"] else "",
            elapsed=round(max(time.time() - operation.created, 0), 1) if operation else 0,
            usual_longest=round(max(usual.longest * 1.5, usual.longest + 5), 1) if usual else None,
            usual_text=describe_usual(usual) if usual else "",
            profile=profile_of(record),
            several_spawners=len(self.services.settings.spawners) > 1,
        )

    def _show_progress(
        self, template: str, record: ServerRecord, card: Mapping[str, Any], **more: Any
    ) -> None:
        token = urlencode({"_xsrf": self.xsrf_token.decode()})
        self.render_page(
            template,
            for_user=record.user,
            server_name=record.name,
            spawner=card,
            progress_url=f"{self.api_path(record)}/progress?{token}",
            server_api_url=self.api_path(record),
            after_url=self.pending_path(record.user, record.name),
            spawn_url=_start_again(self, record),
            **more,
        )


def describe_usual(usual: UsualDuration) -> str:
    """Describe how long a start usually takes, in seconds or minutes."""
    is_short = usual.longest < LONG_START
    low, high = (max(round(value / (1 if is_short else 60)), 1) for value in (usual.median, usual.longest))
    if is_short and low == high:
        return ngettext(
            "This usually takes about a second.", "This usually takes about %(num)d seconds.", low
        )
    if is_short:
        return _("This usually takes %(low)d to %(high)d seconds.", low=low, high=high)
    if low == high:
        return ngettext(
            "This usually takes about a minute.", "This usually takes about %(num)d minutes.", low
        )
    return _("This usually takes %(low)d to %(high)d minutes.", low=low, high=high)


def show_unreachable(
    handler: PageHandler, record: ServerRecord, groups: Collection[str] = (), *, elsewhere: bool = False
) -> None:
    """Show that a server runs but cannot be reached at the moment; the page reloads automatically.

    Args:
        handler: handler of the request.
        record: the server.
        groups: groups of its user.
        elsewhere: the server runs on a machine to which this proxy does not lead.
    """
    handler.set_status(503)
    handler.render_page(
        "unreachable.html",
        for_user=record.user,
        server_name=record.name,
        spawner=handler.server_card(record, groups),
        elsewhere=elsewhere,
        may_stop=handler.visitor.may(
            "delete:servers", resource=of_server(record.user, record.name), groups=groups
        ),
    )


def show_not_running(
    handler: PageHandler,
    record: ServerRecord,
    groups: Collection[str] = (),
    *,
    status: int = 0,
    back: str = "",
) -> None:
    """Show that a server does not run, and why if its start failed.

    Args:
        handler: handler of the request.
        record: the server.
        groups: groups of its user.
        status: HTTP status; 0 for that of the failure, or 200.
        back: address to continue to after a start; empty for the one in the request.
    """
    failure = record.failure
    spawn = handler.spawn_path(record.user, record.name)
    spawn = f"{spawn}?{urlencode({'next': back})}" if back else _start_again(handler, record)
    resource = of_server(record.user, record.name)
    may_start = handler.visitor.may("start:servers", resource=resource, groups=groups)
    seconds = handler.context.options.implicit_spawn_seconds
    handler.set_status(status or (failure.status if failure else 200))
    handler.render_page(
        "not_running.html",
        for_user=record.user,
        server_name=record.name,
        spawner=handler.server_card(record, groups),
        spawn_url=spawn,
        implicit_spawn_seconds=0 if failure or not may_start else seconds,
        may_start=may_start,
        **_failure_variables(failure, handler.may_see_details(resource, groups)),
    )


def _start_again(handler: PageHandler, record: ServerRecord) -> str:
    """Return the address that starts a server and then continues where this request leads."""
    start = handler.spawn_path(record.user, record.name)
    return handler.with_next(start, handler.server_path(record.user, record.name))


def _failure_variables(failure: Failure | None, details: bool) -> dict[str, Any]:
    return {
        "failed": failure is not None,
        "failed_message": failure.describe(details=details) if failure else "",
        "failed_html_message": trusted(failure.html) if failure else "",
        "failed_plugin": failure.plugin if failure else "",
        "exit_code": failure.exit_code if failure else None,
        "logs": failure.logs if failure else (),
    }
