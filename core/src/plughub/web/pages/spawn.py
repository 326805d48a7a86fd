"""Page that starts a server: choice of spawner, options form, and the start itself."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode

from plughub.domain.errors import HubError, InvalidError, NotFoundError, PluginError, UnauthorizedError
from plughub.domain.queries import add_query, escape_uri, filter_query, parameters
from plughub.domain.servers import ServerRecord
from plughub.domain.timings import QUICK_START_SECONDS, RECENT_LOGIN_SECONDS
from plughub.domain.users import User
from plughub.kinds import Server, SpawnFailed
from plughub.web.authorization import check_access, of_server
from plughub.web.base import MAX_BODY
from plughub.web.errors import error_answer, status_of
from plughub.web.options import named_server_limit
from plughub.web.pages.base import PageHandler, trusted
from plughub.web.pages.machine_meters import free_resources
from plughub.web.pages.start_facts import BACKEND, last_options, last_spawner, problems_of, start_link
from plughub.web.pages.start_form import StartForm, as_form
from plughub.web.xsrf import is_from_hub_page, is_typed, may_be_passed_on

OPTION: Final = "opt-"
LINKED: Final = "_linked"
"""Field of the form that confirms a link; the options are taken from the address, where the form cannot alter
them."""


class SpawnHandler(PageHandler):
    """``/hub/spawn[/user[/server]]``."""

    own_parameters = PageHandler.own_parameters | {BACKEND, "display_name"}
    _is_retry = False
    _known_form: StartForm | None = None

    def is_own(self, parameter: str) -> bool:
        """Treat spawner options as parameters of this page."""
        return super().is_own(parameter) or parameter.startswith(OPTION)

    async def get(self, name: str = "", server: str = "") -> None:
        """Show the form, or start at once if there is none."""
        user = await self._user(name, server)
        if await self._redirect_if_active(user, server):
            return
        backend = self._backend()
        if backend is None:
            await self._show_choice(user, server)
            return
        options = self._options_of_query()
        form = StartForm() if options else await self._form(user, server, backend)
        if form:
            await self._show_form(user, server, backend, form)
        elif self._needs_confirmation(user, server, options):
            await self._show_confirmation(user, server, backend, options)
        else:
            await self._start_linked(user, server, backend, options)

    async def head(self, *path: str) -> None:
        """Check access, but start nothing."""
        name, server = (*path, "", "")[:2]
        await self._user(name, server)

    async def longest_body(self, name: str = "", server: str = "") -> int:
        """Allow longer bodies, with files, if the spawner has a form."""
        if not self.request.headers.get("Content-Type", "").lower().startswith("multipart/"):
            return MAX_BODY
        user = await self._user(name, server)
        backend = self.services.servers.choose_backend(self.get_query_argument(BACKEND, ""))
        form = await self._form(user, server, backend)
        return max(MAX_BODY, self.context.options.spawn_form_limit) if form.html else MAX_BODY

    async def post(self, name: str = "", server: str = "") -> None:
        """Start the server with the submitted form."""
        user = await self._user(name, server)
        if await self._redirect_if_active(user, server):
            return
        backend = self.services.servers.choose_backend(self.get_query_argument(BACKEND, ""))
        if self.request.files and not (await self._form(user, server, backend)).html:
            raise InvalidError("this server accepts no files; start it without them")
        if LINKED in self.request.body_arguments:
            await self._start_linked(user, server, backend, self._options_of_query())
            return
        form: dict[str, list[Any]] = {
            field: self.get_body_arguments(field, strip=False)
            for field in self.request.body_arguments
            if field != "_xsrf"
        }
        form |= {f"{field}_file": list(files) for field, files in self.request.files.items()}
        if form or await self._form(user, server, backend):
            await self._start_from_form(user, server, backend, form)
        else:
            await self._start(user, server, backend, None)

    def _needs_confirmation(self, user: User, server: str, options: Mapping[str, Sequence[str]]) -> bool:
        """Return whether a link from outside the hub may have led here, so that the user has to confirm the
        start.

        The user's own default server is an exception: it starts without confirmation if the address was
        typed, or without options just after a login.
        """
        if is_from_hub_page(self.request) and not may_be_passed_on(
            self.request, self.services.settings.base_url
        ):
            return False
        if server or user.name != self.visitor.name or self.get_query_argument(BACKEND, ""):
            return True
        session = self.visitor.session
        logged_in = session is not None and time.time() - session.authenticated_at < RECENT_LOGIN_SECONDS
        return not (is_typed(self.request) or (logged_in and not options))

    async def _user(self, name: str, server: str) -> User:
        name = name or self.visitor.name
        await check_access(self, ("start:servers",), of_server(name, server))
        user = await self.find_user(name)
        await self.services.servers.check_named(user, server)
        return user

    async def _redirect_if_active(self, user: User, server: str) -> bool:
        """Redirect to a server that is running, starting or stopping; return whether it is."""
        try:
            record = await self.services.servers.get(user.name, server)
        except NotFoundError:
            return False
        record = await self.services.servers.check(record)
        self._is_retry = record.failed_start or record.failure is not None
        if record.failed_start:  # the user has seen the failure and tries again
            return False
        if record.ready:
            self.redirect(self.onward(self.link_to(record)))
        elif record.active:
            self.redirect(self.pending_path(user.name, server))
        return record.active

    def _backend(self) -> str | None:
        """Return the spawner; None if the user has to choose one first."""
        requested = self.get_query_argument(BACKEND, "")
        if not requested and len(self.services.settings.spawners) > 1:
            return None
        return self.services.servers.choose_backend(requested)

    def _options_of_query(self) -> Mapping[str, Sequence[str]]:
        """Return the options of a link: parameters prefixed with ``opt-``, else all that are not the hub's
        own.
        """
        options: dict[str, list[str]] = {}
        for name, value in parameters(self.request.query):
            if name not in self.own_parameters and name != OPTION:
                options.setdefault(name, []).append(value)
        marked = {name: values for name, values in options.items() if name.startswith(OPTION)}
        return {name.removeprefix(OPTION): values for name, values in (marked or options).items()}

    async def _form(self, user: User, server: str, backend: str) -> StartForm:
        """Return the form; its user and spawner are those of the address, so that a request has one form."""
        if self._known_form is None:
            view = await self._view(user, server)
            self._known_form = StartForm(
                html=await self.services.hooks.options_form(backend, view),
                profiles=await self.services.profiles.of(backend, view),
            )
        return self._known_form

    async def _view(self, user: User, server: str) -> Server:
        """Return the server for its spawner, including the user's auth_state."""
        view = await self.services.servers.view(user, server)
        return await self.services.auth_states.with_auth_state(view, user.id)

    async def _start_linked(
        self, user: User, server: str, backend: str, options: Mapping[str, Sequence[str]]
    ) -> None:
        if options:
            await self._start_from_form(user, server, backend, options, linked=True)
        else:
            await self._start(user, server, backend, None)

    async def _start_from_form(
        self,
        user: User,
        server: str,
        backend: str,
        form: Mapping[str, Sequence[Any]],
        *,
        linked: bool = False,
    ) -> None:
        try:
            asked = await self._asked(user, server, backend)
            own, rest = asked.split(form, linked=linked)
            options: Mapping[str, Any] = {}
            if rest is not None:
                view = await self._view(user, server)
                options = await self.services.hooks.options_from_form(backend, view, rest, linked=linked)
            await self._start(user, server, backend, {**options, **own})
        except UnauthorizedError:
            raise
        except HubError as error:
            content = await self._form(user, server, backend)
            if not content:
                raise
            refusal = _plugin_refusal(error)
            self.set_status(getattr(refusal, "status", 400) if refusal else status_of(error))
            submitted = as_form(content.profiles, form) if linked else form
            await self._show_form(user, server, backend, content, submitted, error)

    async def _asked(self, user: User, server: str, backend: str) -> StartForm:
        """Return the form if the spawner has profiles; the others read the fields themselves."""
        if self.services.hooks.offers_profiles(backend):
            return await self._form(user, server, backend)
        return StartForm()

    async def _start(self, user: User, server: str, backend: str, options: Mapping[str, Any] | None) -> None:
        if user.name != self.visitor.name:
            self.require_confirmation()
        try:
            user = await self.services.refresher.before_start(user, self.visitor, self.request_info)
        except UnauthorizedError:
            self.refuse_anonymous()
        record: ServerRecord = await self.services.servers.start(
            user,
            server,
            options=options,
            backend=backend,
            by=self.actor,
            named_limit=await named_server_limit(self),
        )
        record = await self.services.servers.wait(record, QUICK_START_SECONDS)
        if record.ready:
            self.redirect(self.onward(self.link_to(record)))
        else:
            self.redirect(self.pending_path(user.name, server))

    async def _show_confirmation(
        self, user: User, server: str, backend: str, options: Mapping[str, Sequence[str]]
    ) -> None:
        """Show what will be started, with a button to start it."""
        info = self.services.settings.spawners[backend]
        asked = await self._asked(user, server, backend)
        self.render_page(
            "confirm_start.html",
            for_user=user,
            server_name=server,
            spawner_label=info.label or backend if len(self.services.settings.spawners) > 1 else "",
            options=asked.describe(options),
            profile=asked.profile_card(options),
            after_url=self._after(user, server),
            url=self._address(user, server, self._options_in_address()),
        )

    async def _show_choice(self, user: User, server: str) -> None:
        spawners = self.services.settings.spawners
        problems = await problems_of(self, spawners, user.name, server)
        last = await last_spawner(self, user, server)
        options = self._options_in_address()
        choices = [
            {
                "name": name,
                "label": info.label or name,
                "description": info.description,
                "is_default": name == self.services.settings.default_spawner,
                "is_last": name == last,
                "problem": problems.get(name, ""),
                "url": self._address(user, server, options, backend=name),
            }
            for name, info in spawners.items()
        ]
        self.render_page(
            "spawn.html",
            for_user=user,
            server_name=server,
            spawner_choices=choices,
            spawner_options_form="",
            profiles=[],
        )

    async def _show_form(
        self,
        user: User,
        server: str,
        backend: str,
        form: StartForm,
        submitted: Mapping[str, Sequence[Any]] = MappingProxyType({}),
        error: HubError | None = None,
    ) -> None:
        """Show the form, with what the user has submitted, or else chose at the last start."""
        info = self.services.settings.spawners[backend]
        last = await last_options(self, user, server, backend)
        problems = await problems_of(self, [backend], user.name, server)
        answer = error_answer(error, self.get_status()) if error else None
        message = answer.message if answer else ""
        if error and (refusal := _plugin_refusal(error)):
            message = refusal.message if isinstance(refusal, SpawnFailed) else str(refusal)
        self.render_page(
            "spawn.html",
            for_user=user,
            server_name=server,
            spawner_choices=[],
            spawner_options_form=self.trusted_form(form.html),
            spawner_label=info.label or backend if len(self.services.settings.spawners) > 1 else "",
            profiles=form.cards(last, submitted, error),
            last_options=last if form.html else {},
            spawner_problem=problems.get(backend, ""),
            free_resources=await free_resources(self, backend),
            link=start_link(self, user, server, self.get_query_argument(BACKEND, "")),
            error_message=message,
            error_html_message=trusted(answer.html) if answer else "",
            again=self._is_retry or error is not None,
            url=self._address(user, server, _xsrf=self.xsrf_token.decode()),
        )

    def _options_in_address(self) -> str:
        """Return the options of a link as a query string."""
        return filter_query(self.request.query, self.own_parameters.__contains__)

    def _after(self, user: User, server: str) -> str:
        """Return the address to open when the server is ready; empty for the server's root."""
        path = self.server_path(user.name, server)
        after = self.onward(path)
        return "" if after == path else after

    def _address(self, user: User, server: str, options: str = "", **more: str) -> str:
        """Return the address of this page with its spawner and the address to continue to."""
        backend = self.get_query_argument(BACKEND, "")
        query = {BACKEND: backend, "next": self._after(user, server), **more}
        path = add_query(escape_uri(self.request.path), options)
        return add_query(path, urlencode({name: text for name, text in query.items() if text}))


def _plugin_refusal(error: HubError) -> Exception | None:
    """Return the error with which a plugin refused the options, if any."""
    cause = error.__cause__ if isinstance(error, PluginError) else None
    return cause if isinstance(cause, ValueError | SpawnFailed) else None
