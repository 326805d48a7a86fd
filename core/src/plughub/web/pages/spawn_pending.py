"""Page that shows the progress of a start or stop, and why a start failed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from plughub.domain.servers import Failure, ServerRecord
from plughub.web.authorization import of_server, requires
from plughub.web.pages.base import PageHandler, trusted


class SpawnPendingHandler(PageHandler):
    """``/hub/spawn-pending/user[/server]``. Viewing it starts nothing."""

    @requires("start:servers", "read:servers", about=of_server)
    async def get(self, name: str, server: str = "") -> None:
        """Show the progress, or redirect to the server."""
        record = await self.services.servers.get(name, server)
        if record.ready:
            self.redirect(self.onward(self.link_to(record)))
        elif record.pending == "spawn":
            self._show_progress("spawn_pending.html", record)
        elif record.running:
            show_unreachable(self, record)
        elif record.active and not record.failed_start:
            self._show_progress("stop_pending.html", record)
        else:
            show_not_running(self, record)

    def _show_progress(self, template: str, record: ServerRecord) -> None:
        token = urlencode({"_xsrf": self.xsrf_token.decode()})
        self.render_page(
            template,
            for_user=record.user,
            server_name=record.name,
            spawner=self.server_card(record),
            progress_url=f"{self.api_path(record)}/progress?{token}",
            server_api_url=self.api_path(record),
            after_url=self.pending_path(record.user, record.name),
            spawn_url=_start_again(self, record),
        )


def show_unreachable(handler: PageHandler, record: ServerRecord, *, elsewhere: bool = False) -> None:
    """Show that a server runs but cannot be reached at the moment; the page reloads automatically.

    Args:
        handler: handler of the request.
        record: the server.
        elsewhere: the server runs on a machine to which this proxy does not lead.
    """
    handler.set_status(503)
    handler.render_page(
        "unreachable.html",
        for_user=record.user,
        server_name=record.name,
        spawner=handler.server_card(record),
        elsewhere=elsewhere,
        may_stop=handler.visitor.may("delete:servers", resource=of_server(record.user, record.name)),
    )


def show_not_running(handler: PageHandler, record: ServerRecord, *, status: int = 0, back: str = "") -> None:
    """Show that a server does not run, and why if its start failed.

    Args:
        handler: handler of the request.
        record: the server.
        status: HTTP status; 0 for that of the failure, or 200.
        back: address to continue to after a start; empty for the one in the request.
    """
    failure = record.failure
    spawn = handler.spawn_path(record.user, record.name)
    spawn = f"{spawn}?{urlencode({'next': back})}" if back else _start_again(handler, record)
    may_start = handler.visitor.may("start:servers", resource=of_server(record.user, record.name))
    seconds = handler.context.options.implicit_spawn_seconds
    handler.set_status(status or (failure.status if failure else 200))
    handler.render_page(
        "not_running.html",
        for_user=record.user,
        server_name=record.name,
        spawner=handler.server_card(record),
        spawn_url=spawn,
        implicit_spawn_seconds=0 if failure or not may_start else seconds,
        may_start=may_start,
        **_failure_variables(failure, handler.may_see_details(of_server(record.user, record.name))),
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
