"""Hub process: starts its components and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from traitlets.config import Config

from plughub.app.hub_parts import HubParts, make_parts
from plughub.app.hub_plan import make_plan
from plughub.app.login_links import login_link, starter
from plughub.app.origins import warn_of_hub_routespec, warn_of_shared_origin
from plughub.app.shutdown import shut_down
from plughub.app.startup import proxy_start_error, unless_ended
from plughub.app.unread_settings import warn_of_plain_http, warn_of_trust
from plughub.app.watched_parts import warn_of_certificate
from plughub.app.web_server import WebServer, listen
from plughub.domain.errors import HubError, PluginError
from plughub.domain.timings import LINGER_SECONDS
from plughub.services.composition import HubServices
from plughub.services.coordination.background_loops import run_forever
from plughub.services.servers.bulk_stop import stop_all
from plughub.services.users.login_links import PLUGIN as ONETIME

log = logging.getLogger("plughub")


class Hub:
    """Hub process.

    Args:
        config: the configuration.
        names: plugin names of the command line or the environment; empty for the defaults.

    Raises:
        StartError: the configuration or a plugin is invalid.
    """

    def __init__(self, config: Config, names: list[str]) -> None:
        self.plan = make_plan(config, names)
        self.ended = asyncio.Event()
        self._parts: HubParts | None = None
        self._web: WebServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stop_requests: dict[str, bool] = {}

    async def start(self) -> None:
        """Start all components.

        Raises:
            StartError: a component failed to start; nothing is left running.
            EndedEarlyError: shutdown was requested meanwhile; nothing is left running.
        """
        try:
            with self.plan.observing.metrics.time_startup():
                await unless_ended(self.ended, self._prepare())
                await _start_proxy(self.parts.services)
        except BaseException:
            await self.close()
            raise
        parts, services = self.parts, self.parts.services
        self._warn(parts)
        self.plan.observing.start(services.events, services.settings)
        self._tasks = [asyncio.create_task(run_forever(work)) for work in services.background]
        self._tasks.append(asyncio.create_task(services.startup_user_sync.run()))
        self._tasks.append(asyncio.create_task(stop_all(services.servers, parts.blocked_servers)))

    async def _prepare(self) -> None:
        """Create everything except the proxy. Only the database is changed."""
        parts = self._parts = await make_parts(self.plan)
        self._web = listen(self.plan, parts, self.shut_down)
        await parts.services.hub_registry.join()
        seconds = self.plan.config.init_spawners_timeout
        with self.plan.observing.metrics.time_adoption():
            await parts.services.poller.adopt(None if seconds < 0 else seconds)

    @property
    def parts(self) -> HubParts:
        """Components of the started hub.

        Raises:
            RuntimeError: the hub was not started.
        """
        if self._parts is None:
            raise RuntimeError("the hub was not started")
        return self._parts

    @property
    def url(self) -> str:
        """URL of the hub for browsers: its public origin if servers are separated from it, else that of the
        proxy.
        """
        origins = self.plan.origins
        return (
            self.parts.plugins.proxy.public_url if origins.shared else origins.hub + self.plan.where.base_url
        )

    async def first_link(self) -> str | None:
        """Create a one-time login link for the user who started the hub; None if one-time links are not
        active.
        """
        if ONETIME not in self.plan.selection.active.names:
            return None
        token = await self.plan.links.create(starter(), admin=True)
        return login_link(self.url, token)

    def shut_down(self, servers: bool | None = None, proxy: bool | None = None) -> None:
        """Request the shutdown of this process, which begins when the proxy has passed on the answer.

        Args:
            servers: also stop the servers; None for the value of the configuration.
            proxy: also stop the proxy; None for the value of the configuration.
        """
        given = {"servers": servers, "proxy": proxy}
        self._stop_requests = {name: wanted for name, wanted in given.items() if wanted is not None}
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self.ended.set)

    async def stop(self) -> None:
        """Shut down. The last hub process also stops servers and proxy as configured."""
        try:
            await shut_down(self.parts.services, self._web, self._end_tasks, self._stop_requests)
        except HubError as error:
            log.warning("leaving servers and proxy unchanged: %s", error)
        finally:
            await self.close()

    async def close(self) -> None:
        """Close this process's resources; leave servers and proxy running."""
        if self._parts is not None:
            self._parts.services.live_updates.close()
        if self._web is not None:
            await self._web.close()
        await self._end_tasks()
        if self._parts is not None:
            services = self._parts.services
            await services.runner.close()
            services.logins.refusals.flush()
            await self.plan.observing.finish()
            for last in (services.activity.flush, services.hub_registry.leave):
                with contextlib.suppress(Exception):
                    await last()
            self._parts.close()
        self.plan.store.database.close()

    def _warn(self, parts: HubParts) -> None:
        """Log warnings about the configuration. After the start: a failed start logs only its error."""
        plan = self.plan
        authenticators = plan.selection.active.owners("authenticator")
        warn_of_shared_origin(plan.origins, parts.plugins.proxy_info, plan.selection.proxy, authenticators)
        warn_of_hub_routespec(plan.proxy.hub_routespec, plan.where.base_url)
        warn_of_trust(parts.services.settings.spawners, parts.services.hooks)
        warn_of_plain_http(plan.config, plan.where.ip)
        warn_of_certificate(plan.config)

    async def _end_tasks(self) -> None:
        """Cancel the background tasks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _start_proxy(services: HubServices) -> None:
    try:
        await services.route_reconciler.start()
    except PluginError as error:
        raise proxy_start_error(error) from error
