"""The hub as a whole: builds its parts, starts and stops them in order, and decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from traitlets.config import Config

from plughub.app.assembly import (
    addresses,
    hub_settings,
    proxy_settings,
    runtime_folder,
)
from plughub.app.checks import check_settings, warn_of_plain_http, warn_of_trust
from plughub.app.config import JupyterHub
from plughub.app.declared import declared_of, scopes_of
from plughub.app.internal_tls import in_proxy, prepare_tls
from plughub.app.late import LateStore
from plughub.app.leaving import clean_up, hand_over
from plughub.app.login_links import login_link, starter
from plughub.app.news import News
from plughub.app.observing import Observing
from plughub.app.origins import check_origins, check_worker_scopes, read_origins, warn_of_shared_origin
from plughub.app.people import build_people, load_managed_roles, open_auth_states
from plughub.app.plugins import DATABASE, PluginChooser, Selection
from plughub.app.secrets import cookie_secret
from plughub.app.starting import listening_sockets, unless_ended, without_proxy
from plughub.app.wiring import web_context
from plughub.domain.errors import HubError, InvalidError, PluginError, StartError
from plughub.domain.scopes import ScopeTree
from plughub.domain.servers import OperationKind
from plughub.kinds import HubContext, ProxyInfo, SpawnerInfo
from plughub.plugin.calling import HookCaller, failing_start
from plughub.plugin.hooks import Hooks
from plughub.plugin.threads import ThreadPools
from plughub.services.hub_services.checks import ServiceChecks
from plughub.services.hub_services.launching import Launcher
from plughub.services.hub_services.managed import ManagedServices
from plughub.services.observing.events import EventTeller
from plughub.services.operations.runner import Runner
from plughub.services.operations.start import StartSteps
from plughub.services.operations.stop import StopSteps
from plughub.services.people.activity import ActivityService
from plughub.services.people.declaring import declare, make_users
from plughub.services.people.links import PLUGIN as ONETIME
from plughub.services.people.links import OneTimeLinks
from plughub.services.people.sessions import host_cookies_since
from plughub.services.processes.loops import for_ever
from plughub.services.processes.membership import Membership
from plughub.services.processes.preparation import prepare
from plughub.services.processes.pulse import Pulse
from plughub.services.routes.route_keeping import RouteKeeper
from plughub.services.routes.routing import Router
from plughub.services.servers.cleaning_up import CleanUp
from plughub.services.servers.old_names import look_at_old_names
from plughub.services.servers.polling import Poller
from plughub.services.servers.servers import ServerService
from plughub.services.servers.stopping_many import stop_all
from plughub.services.servers.stranded import Stranded
from plughub.services.servers.watching import Watchers
from plughub.services.tokens.database_tokens import DatabaseTokens
from plughub.services.tokens.tokens import TokenService
from plughub.storage.database import Database
from plughub.storage.schema import prepare_schema, schema_state
from plughub.storage.store import SQLStore
from plughub.web.application import HubApplication, make_application
from plughub.web.listener import HubServer

log = logging.getLogger("plughub")


class Hub:
    """A hub process.

    Args:
        config: the configuration.
        names: plugins as named on the command line or elsewhere; empty for the defaults.

    Raises:
        StartError: the configuration or a plugin is not good.
    """

    def __init__(self, config: Config, names: list[str]) -> None:
        self.config = JupyterHub(config=config)
        self.where = addresses(self.config)
        self.origins = read_origins(self.config)
        self.proxy = proxy_settings(self.config, self.where, self.origins)
        self.runtime_dir = runtime_folder(self.config.runtime_dir)
        self.secret = cookie_secret(self.config.cookie_secret, Path(self.config.cookie_secret_file))
        self.selection = self._choose_plugins(config, names)
        self.store = self._open_store()
        self._late.store = self.store
        self.ended = asyncio.Event()
        self._cleanup: dict[str, bool] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._server: HubServer | None = None
        self._application: HubApplication | None = None

    # ---- building

    def _choose_plugins(self, config: Config, names: list[str]) -> Selection:
        self._late = LateStore()
        self.links = OneTimeLinks(self._late)
        builtins: dict[str, Callable[[], object]] = {ONETIME: lambda: self.links}
        chooser = PluginChooser(self.config, config, builtins, self.where.hub_prefix)
        selection = chooser.choose(names)
        selection.active.add(DATABASE, DatabaseTokens(self._late))
        self.observing = Observing(config, self.config, self._late)
        self.observing.join(selection)
        check_settings(config, self.config, selection, chooser.installed)
        for name, authenticator in selection.authenticators.items():
            if name not in selection.added:
                with failing_start(name, "check_allow_config"):
                    authenticator.check_allow_config()
        if selection.added:
            log.info("default plugins: %s", ", ".join(selection.added))
        return selection

    def _open_store(self) -> SQLStore:
        where = self.config.db_url, self.config.db_kwargs
        if self.config.upgrade_db and not schema_state(*where).current:
            from plughub.storage.upgrading import upgrade_schema  # noqa: PLC0415 - loads alembic, seldom used

            upgrade_schema(*where)
        prepare_schema(*where)
        return SQLStore(Database(*where))

    async def _build(self) -> None:
        await self._settle()
        self._assemble()

    async def _settle(self) -> None:
        """Find out what holds before anything runs: plugins, settings, roles, names."""
        mark = await self.store.write(lambda tx: prepare(tx, self.selection.heirs))
        self.pools = ThreadPools(self.config.plugin_threads)
        self.caller = HookCaller(self.selection.active, self.pools, self.observing.metrics.hook_called)
        self.tls = await asyncio.to_thread(prepare_tls, self.config, self.where.connect_url)
        self._configure_plugins(mark)
        said_of_spawners = self.caller.register("hub_spawner_info", expected=SpawnerInfo)
        infos = {answer.plugin: answer.value for answer in said_of_spawners}
        self.hooks = Hooks(self.caller)
        said = self.caller.register("hub_proxy_info", only=self.selection.proxy, expected=ProxyInfo)
        proxy = self.proxy_info = said[0].value if said else ProxyInfo()
        check_origins(self.origins, proxy, self.selection.proxy)
        people = self.selection.active.owners("authenticator")
        check_worker_scopes(self.config, self.origins, proxy, self.selection.proxy, people)
        self.proxy = in_proxy(self.tls, self.proxy, self.selection.proxy, proxy)
        self.settings = hub_settings(
            self.config, self.where, self.selection, mark, infos, proxy, self.origins, self.tls
        )
        self.host_cookies_since = await self.store.write(lambda tx: host_cookies_since(tx, self.settings))
        self.auth_states = open_auth_states(self.config.config, self.store, self.settings.policies)
        self.tree = await self._declare()
        await load_managed_roles(self.hooks, self.store, self.settings, self.tree)
        rename = self.config.allow_existing_invalid_named_servers == "autorename"
        await look_at_old_names(self.store, self.hooks, self.settings, rename=rename)

    def _assemble(self) -> None:
        """Make the parts and connect them."""
        basis = self.store, self.hooks, self.settings
        pulse, self.watchers, self.events = Pulse(), Watchers(), EventTeller(self.hooks)
        longest = self.settings.token_expires_in_max
        self.tokens = TokenService(
            self.store, self.hooks, self.tree, longest=longest, limit=self.settings.token_limit
        )
        self.router = Router(*basis, self.proxy, pulse)
        launcher = Launcher(self.settings, self.runtime_dir / "services", self.secret)
        self.managed = ManagedServices(self.store, self.settings, launcher, self._services)
        self.service_checks = ServiceChecks(self.store, self.settings)
        self.runner = Runner(self.store, self.settings, self.watchers)
        news = News(self.tokens.cache, pulse, self.runner, self.service_checks)
        self.store.changed = news.changed
        clean_up = CleanUp(self.hooks, self.settings, self.auth_states)
        parts = (self.hooks, self.settings, self.router, self.events, clean_up)
        self.runner.use({OperationKind.START: StartSteps(*parts), OperationKind.STOP: StopSteps(*parts)})
        self.servers = ServerService(*basis, self.runner, self.watchers, self.events)
        self.people = build_people(
            *basis, self.events, self.servers, self.tree, self.auth_states, clean_up, self.selection, pulse
        )
        self.activity = ActivityService(self.store, self.settings)
        self.poller = Poller(*basis, self.servers, self.router, pulse)
        self.stranded = Stranded(self.store, self.settings, self.watchers)
        timed = self.observing.metrics.route_check
        self.routes = RouteKeeper(*basis, self.router, self.activity, timed)
        self.membership = Membership(self.store, self.settings, *news.listeners)

    async def _declare(self) -> ScopeTree:
        """Bring roles, groups and people to what the configuration says."""
        try:
            tree = scopes_of(self.config)
            declared = declared_of(self.config, self.selection, tree, self.where.base_url)
            self._services, self.given_names = declared.services, declared.given_names
            self._of_blocked = await self.store.write(lambda tx: declare(tx, declared))
            await make_users(self.store, declared.allowed)
        except InvalidError as error:
            raise StartError(error.message, hint=error.hint) from error
        return tree

    def _configure_plugins(self, mark: str) -> None:
        for name in self.selection.active.names:
            context = HubContext(
                mark=mark,
                plugin=name,
                base_url=self.where.base_url,
                api_url=self.where.api_url,
                runtime_dir=self.runtime_dir,
                settings=self.config.plugin_settings.get(name, {}),
                config=self.config.config,
                certificates=self.tls.folder.folder if self.tls else None,
            )
            self.caller.register("hub_configure", only=name, context=context)

    # ---- life

    async def start(self) -> None:
        """Start everything.

        Raises:
            StartError: something cannot be started; nothing is left running.
            EndedEarlyError: it was asked to end meanwhile; likewise.
        """
        try:
            with self.observing.metrics.startup():
                await unless_ended(self.ended, self._prepare())
                await self._start_proxy()
        except BaseException:
            await self.close()
            raise
        self._warn()
        self.observing.start(self.events, self.settings)
        for work in self._background():
            self._tasks.append(asyncio.create_task(for_ever(work)))
        self._tasks.append(asyncio.create_task(self.people.roll_call.call()))
        self._tasks.append(asyncio.create_task(stop_all(self.servers, self._of_blocked)))

    async def _prepare(self) -> None:
        """Do what touches nothing but the database; the proxy comes after it."""
        await self._build()
        self._listen()
        await self.membership.join()
        await self.poller.adopt()

    def _warn(self) -> None:
        """Log what the configuration leaves open; a hub that cannot start says that alone."""
        authenticators = self.selection.active.owners("authenticator")
        warn_of_shared_origin(self.origins, self.proxy_info, self.selection.proxy, authenticators)
        warn_of_trust(self.settings.spawners, self.hooks)
        warn_of_plain_http(self.config, self.where.ip)

    async def first_link(self) -> str | None:
        """Make the login link for the person who starts the hub.

        Returns:
            The link; None when one-time links are not active.
        """
        if ONETIME not in self.selection.active.names:
            return None
        token = await self.links.make(starter(), admin=True)
        return login_link(self.url, token)

    @property
    def url(self) -> str:
        """Where a browser finds the hub: the only address that it answers at, else that of this machine."""
        return self.proxy.public_url if self.origins.shared else self.origins.hub + self.where.base_url

    def shut_down(self, servers: bool | None = None, proxy: bool | None = None) -> None:
        """Ask whoever runs the hub to stop it.

        Args:
            servers: stop the servers too; None for as the configuration wants it.
            proxy: stop the proxy too; None for as the configuration wants it.
        """
        given = {"servers": servers, "proxy": proxy}
        self._cleanup = {name: wanted for name, wanted in given.items() if wanted is not None}
        self.ended.set()

    async def stop(self) -> None:
        """Stop, with servers and proxy as the configuration wants it, unless other processes go on."""
        try:
            await self.managed.stop()
            others = await self.membership.others()
            if others:
                await hand_over(self, others, self._cleanup)
            else:
                await clean_up(self, self._cleanup)
        except HubError as error:
            log.warning("servers and proxy are left as they are: %s", error)
        finally:
            await self.close()

    def refuse_connections(self) -> None:
        """Accept no more; what was accepted goes on."""
        if self._server is not None:
            self._server.stop()

    @property
    def requests_under_way(self) -> int:
        """How many requests have no answer yet."""
        return self._application.under_way if self._application else 0

    async def close(self) -> None:
        """End this process' part and leave servers and proxy as they are."""
        if self._server is not None:
            self._server.stop()
            await self._server.close_all_connections()
        await self.end_tasks()
        if hasattr(self, "runner"):
            await self.runner.close()
            self.people.logins.refusals.flush()
            await self.observing.finish()
            for last in (self.activity.flush, self.membership.leave):
                with contextlib.suppress(Exception):
                    await last()
        if hasattr(self, "auth_states"):
            self.auth_states.close()
        if hasattr(self, "pools"):
            self.pools.close()
        self.store.database.close()

    def _background(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        return [
            self.runner.look_for_work,
            self.runner.keep_leases,
            self.poller.run,
            self.poller.remove_leftovers,
            self.stranded.run,
            self.routes.run,
            self.managed.run,
            self.service_checks.run,
            self.membership.beat,
            self.membership.follow_changes,
            self.membership.keep_house,
            self.activity.run,
            self.people.deletion.go_on,
            self.people.logins.refusals.run,
        ]

    def _listen(self) -> None:
        sockets = listening_sockets(self.where)
        # The application itself sees to X-Forwarded headers: tornado would believe anybody.
        self._application = make_application(web_context(self))
        self._server = HubServer(self._application, ssl_options=self.tls and self.tls.hub.server_context())
        self._server.add_sockets(sockets)

    async def _start_proxy(self) -> None:
        try:
            await self.routes.start()
        except PluginError as error:
            raise without_proxy(error) from error

    async def end_tasks(self) -> None:
        """End the work in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
