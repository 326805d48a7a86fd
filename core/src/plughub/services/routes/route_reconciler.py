"""Seeing to the proxy and its routes: one process does it for all that share the proxy."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from plughub.domain.errors import HubError
from plughub.domain.timings import ROUTE_CHECK_LONGEST_SECONDS, ROUTE_CHECK_SECONDS
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.background_loops import rest
from plughub.services.coordination.leases import Leadership
from plughub.services.routes.activity import ActivityService
from plughub.services.routes.router import Router, last_activity
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

log = logging.getLogger("plughub.routing")
ROUTES_A_SECOND: Final = 5000
"""Comparing more takes longer than may be spent on it each second: it is done less often in proportion."""


class RouteReconciler:
    """Looks every second whether the proxy runs and has the right routes.

    Args:
        store: the storage.
        hooks: the hooks.
        settings: of the hub.
        router: mends the routes.
        activity: told which routes were used.
        timed: wraps each look at the routes, to measure it.
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
        self._lead = Leadership(store, settings, lease_of_routes(settings))
        self._trouble = ""
        self._noted = 0.0

    async def start(self) -> None:
        """Have the proxy running, with the right routes unless another process sees to these.

        Raises:
            PluginError: the proxy cannot be started, or not be used; one that was not there is stopped.
        """
        known = await self._router.start()
        if not await self._lead.take():
            return
        try:
            await self._router.sync()
        except HubError:
            if not known:  # nobody uses it yet
                await self._router.stop()
            raise

    async def run(self) -> None:
        """Look for ever."""
        pause = ROUTE_CHECK_SECONDS
        while True:
            await rest(pause)
            try:
                pause = await self.look()
            except HubError as error:
                self._tell(str(error))
                pause = ROUTE_CHECK_SECONDS
            else:
                self._tell("")

    async def look(self) -> float:
        """Look once, unless another process does it.

        Returns:
            Seconds until the next look.

        Raises:
            HubError: proxy or database cannot be asked.
        """
        if not await self._lead.take():
            return ROUTE_CHECK_SECONDS
        code = await self._hooks.proxy_poll(self._settings.proxy)
        if code is not None and self._lead.sure:
            log.warning("the proxy is gone (exit code %s): starting it again", code)
            await self._router.start()
        due = time.monotonic() >= self._noted
        with self._timed():
            routes = await self._router.sync(lambda: self._lead.sure, activity=due)
        if due:
            self._noted = time.monotonic() + min(
                ROUTE_CHECK_LONGEST_SECONDS, self._settings.last_activity_interval
            )
            await self._activity.routes(last_activity(routes), self._router)
        return min(ROUTE_CHECK_LONGEST_SECONDS, max(ROUTE_CHECK_SECONDS, len(routes) / ROUTES_A_SECOND))

    def _tell(self, trouble: str) -> None:
        """Log what is wrong when it begins and when it ends, and not each second in between."""
        if trouble and trouble != self._trouble:
            log.error("%s", trouble)
        elif self._trouble and not trouble:
            log.info("the routes can be seen to again")
        self._trouble = trouble


def lease_of_routes(settings: HubSettings) -> str:
    """Name the lease of who sees to the routes.

    Args:
        settings: of the hub.

    Returns:
        The name; where each machine has a proxy of its own, each has somebody who sees to it.
    """
    return f"routes@{settings.proxy_host}" if settings.proxy_host else "routes"
