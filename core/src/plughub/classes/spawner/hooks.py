"""Adapter of a spawner class to the hooks of the spawner kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.event_loop_thread import current_thread
from plughub.classes.spawner.cache import SpawnerCache, fingerprint
from plughub.classes.spawner.hook_methods import call_hook, runs_once
from plughub.classes.spawner.hook_results import (
    all_events,
    as_exit_code,
    as_failure,
    as_progress,
    endpoint_of,
    progress_of,
    scopes,
    take_address,
)
from plughub.classes.spawner.hub_objects import ServerAddress, hub_of, user_of
from plughub.classes.spawner.optional_hooks import optional_hooks
from plughub.classes.spawner.options import (
    apply_group_overrides,
    apply_user_options,
    read_form,
    refusing_options,
)
from plughub.classes.spawner.profiles import apply_profile, check_profiles, longest
from plughub.classes.spawner.spawner import Spawner
from plughub.classes.user_code import call
from plughub.kinds import (
    Diagnosis,
    Endpoint,
    Found,
    HubContext,
    Moved,
    Progress,
    Resumable,
    Server,
    SpawnerInfo,
    UserInfo,
    Watched,
)
from plughub.markers import hookimpl

URL_KEY: Final = "plughub_url"
"""Key of the server's address in the saved state, in addition to those of `Spawner.get_state`."""

NO_SERVER: Final = Server(user=UserInfo(name=""))


class SpawnerHooks:
    """Hooks of a spawner class. Each start of a server has an instance of the class.

    Args:
        plugin: name of the plugin to which the class belongs.
        spawner_class: the class.
        config: the configuration as traitlets knows it.
        runtime_dir: directory for the plugin's files; `hub_configure` sets it too.
        authenticators: authenticators of the hub by plugin, for their hooks before a start and after a stop.
    """

    def __new__(cls, _plugin: str, spawner_class: type[Spawner], *_args: Any, **_kwargs: Any) -> Self:
        """Implement optional hooks only for a class that overrides their methods or has their setting."""
        chosen: Any = cls
        if cls is SpawnerHooks:
            optional = optional_hooks(spawner_class, _args[0] if _args else _kwargs.get("config"))
            chosen = type(cls.__name__, (*optional, cls), {}) if optional else cls
        hooks: Self = super().__new__(chosen)
        return hooks

    def __init__(
        self,
        plugin: str,
        spawner_class: type[Spawner],
        config: Any = None,
        runtime_dir: Path | None = None,
        authenticators: Mapping[str, Authenticator] = MappingProxyType({}),
    ) -> None:
        self.plugin = plugin
        self.spawner_class = spawner_class
        self._config = config
        self._authenticators = authenticators
        self._runtime_dir = runtime_dir
        self._certificates: Path | None = None
        self._cache = SpawnerCache()
        self._making: dict[tuple[str, ...], asyncio.Future[Spawner]] = {}

    @hookimpl
    def hub_configure(self, context: HubContext) -> None:
        """Set the directory for the plugin's files, and the certificates."""
        self._runtime_dir = context.runtime_dir / self.plugin
        self._certificates = context.certificates

    @hookimpl
    def hub_spawner_info(self) -> SpawnerInfo:
        """Describe the spawner by its settings. An invalid setting fails the hub's start here."""
        spawner = self._build(NO_SERVER)
        check_profiles(spawner)
        return SpawnerInfo(
            label=spawner.spawner_label or spawner.label or self.plugin,
            description=spawner.spawner_description,
            hub_url=spawner.hub_connect_url or "",
            own_accounts=spawner.own_accounts,
            host_bound=spawner.host_bound,
            start_timeout=longest(spawner, "start_timeout"),
            http_timeout=longest(spawner, "http_timeout"),
            poll_interval=spawner.poll_interval,
            poll_jitter=spawner.poll_jitter,
            server_token_scopes=scopes("Spawner.server_token_scopes", spawner.server_token_scopes),
            oauth_client_allowed_scopes=scopes(
                "Spawner.oauth_client_allowed_scopes", spawner.oauth_client_allowed_scopes
            ),
        )

    @hookimpl
    async def hub_options_form(self, server: Server) -> str | None:
        """Return the form in which the user chooses start options."""
        spawner = await self._make(server)
        form: str | None = await self._call(spawner.get_options_form)
        return form

    @hookimpl
    async def hub_options_from_form(
        self, server: Server, form: Mapping[str, Sequence[Any]], linked: bool
    ) -> Mapping[str, Any]:
        """Convert the data of the start page to options."""
        return await read_form(await self._make(server), form, linked=linked)

    @hookimpl
    async def hub_spawn(self, server: Server) -> Endpoint:
        """Apply options and overrides of the user, call ``start``, and return the server's address."""
        # hub_progress may have created the instance first; reuse it.
        spawner = self._cache.unused(server) or await self._make_once(server)
        with self._cache.starting(server), runs_once(spawner, "pre_spawn_hook"):
            try:
                await self._prepare(spawner, server.user.plugin)
                with refusing_options(spawner):
                    answer = await self._call(spawner.start)
                url = take_address(answer, spawner.server, spawner.port, type(spawner).__name__)
            except Exception as error:
                failure = as_failure(error)
                if failure is error:
                    raise
                raise failure from error
            state = {**spawner.get_state(), URL_KEY: url}
        self._cache.note_state(server, state)
        given = server.environment.get("JUPYTERHUB_API_TOKEN", "")
        resumed = spawner.api_token if spawner.api_token != given else None
        return endpoint_of(spawner, url, state, resumed)

    @hookimpl
    async def hub_poll(self, server: Server) -> int | Moved | Watched | None:
        """Call ``poll``. A server whose ``start`` is in progress counts as running.

        Returns a `Moved` of ``poll`` unchanged. If ``poll`` returns None after changing ``self.server`` or
        the state, returns a `Moved` with the present address and state.
        """
        if self._cache.is_starting(server):
            return None
        spawner = await self._find(server)
        # A poll that restarts its server must be over before another one reads the state.
        async with spawner._poll_lock:  # noqa: SLF001
            return await self._poll(spawner, server)

    @hookimpl
    async def hub_watch(self, mark: str) -> AsyncIterator[str]:
        """Report what ``watch`` reports; nothing if it returns None."""
        ended = (await self._make(NO_SERVER)).watch(mark)
        if ended is None:
            await asyncio.Event().wait()
            return
        async with aclosing(all_events(ended)) as operations:
            async for operation in operations:
                yield operation

    @hookimpl
    async def hub_stop(self, server: Server, now: bool) -> Resumable | None:
        """Call ``stop`` and the hooks after a stop."""
        spawner = await self._find(server)
        spawner.user.auth_state = server.user.auth_state
        if spawner.polls_before_stop and server.state and not _own_state_of(spawner):
            # A failed poll may have cleared the state of a server that runs.
            spawner.load_state({key: value for key, value in server.state.items() if key != URL_KEY})
        self._cache.note_stop(server)
        with runs_once(spawner, "post_stop_hook"):
            if not (spawner.polls_before_stop and await spawner.has_ended()):
                await self._call(spawner.stop, now=now)
            will_resume = bool(spawner.will_resume)
            try:
                await call_hook(spawner, "post_stop_hook")
            except Exception:
                spawner.log.exception("Spawner.post_stop_hook failed for %s", server.full_name)
        spawner.clear_state()
        resumable = Resumable(state=spawner.get_state()) if will_resume else None
        if authenticator := self._authenticators.get(server.user.plugin):
            try:
                await call(server.user.plugin, authenticator.post_spawn_stop, spawner.user, spawner)
            except Exception:
                spawner.log.exception("post_spawn_stop of %s failed", server.user.plugin)
        self._cache.forget(server)
        return resumable

    @hookimpl
    async def hub_rename_server(self, server: Server, name: str) -> None:
        """Call ``rename``."""
        spawner = await self._make(server)
        await self._call(spawner.rename, server.name, name)

    @hookimpl
    async def hub_delete_server(self, server: Server) -> None:
        """Call ``delete_forever``."""
        spawner = await self._make(server)
        await self._call(spawner.delete_forever)
        self._cache.forget(server)

    @hookimpl
    async def hub_progress(self, server: Server) -> AsyncIterator[Progress]:
        """Report the events of ``progress``; an event of 100 per cent replaces the hub's message about a
        ready server.
        """
        spawner = await self._find(server)
        percent = 0
        progress = await progress_of(spawner)
        async with aclosing(all_events(progress())) as events:
            async for event in events:
                step = as_progress(event, percent)
                percent = step.percent
                yield _with_state(self._cache, server, spawner, step)
        ready = {"progress": 100, "ready": True, "message": "Server ready", "url": server.prefix}
        if spawner.progress_ready_hook is not None:
            yield as_progress(await call_hook(spawner, "progress_ready_hook", ready) or ready, 100)

    @hookimpl
    async def hub_logs(self, server: Server, lines: int) -> Sequence[str]:
        """Return the last lines of the server's output."""
        spawner = await self._find(server)
        return tuple(await self._call(spawner.logs, lines) or ())

    @hookimpl
    async def hub_diagnose(self, server: Server) -> Diagnosis | str | None:
        """Explain why the server does not respond."""
        spawner = await self._find(server)
        why: Diagnosis | str | None = await self._call(spawner.diagnose)
        return why

    @hookimpl
    async def hub_inventory(self, mark: str) -> Iterable[Found] | None:
        """List everything that runs with the hub's mark."""
        spawner = await self._make(NO_SERVER)
        found: Iterable[Found] | None = await self._call(spawner.inventory, mark)
        return None if found is None else [_with_url(server) for server in found]

    # ---- instances

    async def _find(self, server: Server) -> Spawner:
        spawner = self._cache.find(server) or await self._make_once(server)
        if server.url and spawner.server.host != server.url:
            spawner.server.move_to(server.url)  # the record overrides an outdated cached address
        if server.last_activity:
            spawner.last_activity = server.last_activity
        return spawner

    async def _make_once(self, server: Server) -> Spawner:
        """Create the instance of a server; concurrent callers get the same one."""
        key = (server.user.name, server.name, server.operation, fingerprint(server.state))
        if (making := self._making.get(key)) is None:
            making = self._making[key] = asyncio.ensure_future(self._make_and_keep(server))
            making.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(making)

    async def _make_and_keep(self, server: Server) -> Spawner:
        spawner = await self._make(server)
        self._cache.keep(server, spawner)
        return spawner

    async def _make(self, server: Server) -> Spawner:
        spawner: Spawner = await self._call(self._build, server)
        return spawner

    def _build(self, server: Server) -> Spawner:
        address = ServerAddress(
            base_url=server.prefix,
            cookie_name=server.environment.get("JUPYTERHUB_CLIENT_ID", ""),
            proto="https" if self._certificates else "http",
        )
        state = dict(server.state)
        saved = state.pop(URL_KEY, "")
        activity = {"last_activity": server.last_activity} if server.last_activity else {}
        spawner = self.spawner_class(
            config=self._config,
            record=server,
            user=user_of(server, address, dict(state)),
            server=address,
            hub=hub_of(server),
            name=server.name,
            plugin=self.plugin,
            mark=server.mark,
            operation=server.operation,
            api_token=server.environment.get("JUPYTERHUB_API_TOKEN", ""),
            oauth_client_id=server.environment.get("JUPYTERHUB_CLIENT_ID", ""),
            user_options=dict(server.options),
            runtime_dir=self._runtime_dir,
            internal_ssl=self._certificates is not None,
            internal_certs_location=str(self._certificates or ""),
            **activity,
        )
        spawner.loop_thread = current_thread()
        address.ip, address.port = address.ip or spawner.ip, address.port or spawner.port
        if url := server.url or saved:
            address.move_to(url)
        if state:
            spawner.load_state(state)
        return spawner

    async def _poll(self, spawner: Spawner, server: Server) -> int | Moved | Watched | None:
        url, before = spawner.server.host, _state_of(spawner)
        answer = await spawner.poll_guarded(starting=server.starting)
        if isinstance(answer, Moved):
            return self._moved(spawner, server, answer)
        code = as_exit_code(answer)
        if code is not None:
            if not self._cache.was_stopped(server):
                await spawner.call_poll_callbacks()
            return code
        self._cache.note_running(server)
        now, state = spawner.server.host, _state_of(spawner)
        if now == url and not self._cache.changed_state(server, before, state):
            return Watched() if spawner.is_watched else None
        return self._moved(spawner, server, Moved(url=now if spawner.server.port else ""))

    def _moved(self, spawner: Spawner, server: Server, moved: Moved) -> Moved:
        """Update the instance and the saved state to a new address."""
        if moved.url:
            spawner.server.move_to(moved.url)
        else:
            spawner.server.ip, spawner.server.port = "", 0
        saved = dict(spawner.get_state() if moved.state is None else moved.state)
        state = {**saved, **({URL_KEY: moved.url} if moved.url else {})}
        self._cache.note_state(server, state)
        return Moved(url=moved.url, state=state)

    # ---- calls

    async def _prepare(self, spawner: Spawner, authenticated_by: str) -> None:
        if authenticator := self._authenticators.get(authenticated_by):
            await call(authenticated_by, authenticator.pre_spawn_start, spawner.user, spawner)
        await call_hook(spawner, "auth_state_hook", spawner.user.auth_state)
        await apply_group_overrides(spawner)
        await apply_profile(spawner)
        is_own = type(spawner).load_user_options is not Spawner.load_user_options
        await apply_user_options(spawner, loads=is_own)
        await call_hook(spawner, "pre_spawn_hook")
        if spawner.internal_ssl:
            certificates = await self._call(spawner.create_certs)
            spawner.cert_paths = dict(await self._call(spawner.move_certs, certificates))

    async def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return await call(self.plugin, function, *args, **kwargs)


def _with_url(found: Found) -> Found:
    return replace(found, state={**found.state, URL_KEY: found.url}) if found.url else found


def _state_of(spawner: Spawner) -> dict[str, Any]:
    """Return the state and address of a spawner; empty if it cannot tell, as before its first start."""
    state = _own_state_of(spawner)
    return {} if state is None else {**state, URL_KEY: spawner.server.host}


def _with_state(cache: SpawnerCache, server: Server, spawner: Spawner, step: Progress) -> Progress:
    """Add the state of a starting server that its class could not find by ``inventory``."""
    if type(spawner).inventory is not Spawner.inventory or not cache.is_starting(server):
        return step
    state = _own_state_of(spawner)
    if state is None or not cache.is_news(server, state):
        return step
    cache.note_state(server, state)
    return replace(step, state=state)


def _own_state_of(spawner: Spawner) -> dict[str, Any] | None:
    """Return the state of a spawner; None if it cannot tell."""
    try:
        return spawner.get_state()
    except Exception:
        spawner.log.debug("get_state failed for %s", spawner.record.full_name, exc_info=True)
        return None
