"""The route reconciler: one process keeps the proxy running and its routes correct."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from plughub.domain.errors import HubError
from plughub.domain.timings import (
    ROUTE_ACTIVITY_LONGEST_SECONDS,
    ROUTE_CHECK_LONGEST_SECONDS,
    ROUTE_CHECK_SECONDS,
)
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.background_loops import sleep_until_tick
from plughub.services.coordination.leases import Leadership
from plughub.services.routes.activity import ActivityService
from plughub.services.routes.router import Router, last_activity
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.routing")
ROUTES_A_SECOND: Final = 5000
"""With more routes, comparing them every second is too expensive: the interval grows in proportion."""


class RouteReconciler:
    """Keeps the proxy running and its routes correct.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: settings of the hub.
        router: repairs the routes.
        activity: records which routes were used.
        timed: measures each reconciliation.
    """

    def __init__(
        self,
        store: Store,
        hooks: Hooks,
        settings: HubSettings,
        router: Router,
        activity: ActivityService,
        timed: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._hooks = hooks
        self._settings = settings
        self._router = router
        self._activity = activity
        self._timed = timed
        self._leadership = Leadership(store, settings, lease_name(settings))
        self._problem = ""
        self._activity_due = 0.0

    async def start(self) -> None:
        """Start the proxy if needed, and set its routes unless another process does.

        Raises:
            PluginError: the proxy cannot be started or used; if it was just started, it is stopped.
        """
        known = await self._router.start()
        if not await self._leadership.acquire():
            return
        try:
            await self._router.sync()
        except HubError:
            if not known:  # not in use yet
                await self._router.stop()
            raise
        await self._router.check()

    async def run(self) -> None:
        """Reconcile routes until cancelled."""
        pause = ROUTE_CHECK_SECONDS
        while True:
            await sleep_until_tick(pause)
            try:
                pause = await self.run_once()
            except HubError as error:
                self._log_problem(str(error))
                pause = ROUTE_CHECK_SECONDS
            else:
                self._log_problem("")

    async def run_once(self) -> float:
        """Reconcile routes once, unless another process does.

        Returns:
            Seconds until the next reconciliation.

        Raises:
            HubError: the proxy or the database does not answer.
        """
        if not await self._leadership.acquire():
            return ROUTE_CHECK_SECONDS
        code = await self._hooks.proxy_poll(self._settings.proxy)
        if code is not None and self._leadership.is_held:
            log.warning("the proxy has ended (exit code %s): restarting it", code)
            await self._router.start()
            self._activity_due = 0.0
        due = time.monotonic() >= self._activity_due
        with self._timed():
            routes = await self._router.sync(lambda: self._leadership.is_held, activity=due)
        if due:
            self._activity_due = time.monotonic() + min(
                ROUTE_ACTIVITY_LONGEST_SECONDS, self._settings.last_activity_interval
            )
            await self._activity.record_routes(last_activity(routes), self._router)
            await self._router.check()
        return min(ROUTE_CHECK_LONGEST_SECONDS, max(ROUTE_CHECK_SECONDS, len(routes) / ROUTES_A_SECOND))

    def _log_problem(self, problem: str) -> None:
        """Log a problem when it begins and when it ends, not each second in between."""
        if problem and problem != self._problem:
            log.error("%s", problem)
        elif self._problem and not problem:
            log.info("route reconciliation works again")
        self._problem = problem


def lease_name(settings: HubSettings) -> str:
    """Return the name of the reconciler's lease: one for each proxy."""
    return f"routes@{settings.proxy_host}" if settings.proxy_host else "routes"
