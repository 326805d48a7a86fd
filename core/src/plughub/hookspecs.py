"""The contract between the hub and its plugins: every hook, in the order of a server's life.

A plugin is a module or an object that implements the hooks it needs. This plugin prevents guests from
starting servers::

    from plughub import hookimpl
    from plughub.kinds import Refusal, Server

    @hookimpl
    async def hub_authorize_spawn(server: Server) -> Refusal | None:
        return Refusal("guests may only look") if "guests" in server.user.groups else None

One hook makes a plugin a backend of a kind, and a backend must implement the other hooks of its row:

=============  ==================  ================================================================
spawner        `hub_spawn`         `hub_poll`, `hub_stop`
authenticator  `hub_authenticate`  or `hub_login_method`, for logins on pages of the plugin
proxy          `hub_route_add`     `hub_route_delete`, `hub_routes`, `hub_proxy_start`, `hub_proxy_stop`
=============  ==================  ================================================================

A backend written as a class registers the class instead (`hub_register_spawner`,
`hub_register_authenticator`, `hub_register_proxy`). The hub calls its methods through the same hooks.

The decorator above each hook states how the hub calls it:

========  ==========================================================================================
register  called once at start and not awaited; every answer counts
decide    awaited one by one in the order of ``--plugins``; the first answer that is not None wins
veto      awaited for every plugin; one refusal, exception or timeout refuses
own       awaited for the plugin that owns the user, server or proxy; its name is stored with it
tell      awaited for every plugin; a failure is logged and affects nothing else
========  ==========================================================================================

``timeout`` is the time limit of a call in seconds, 30 by default. ``optional`` marks an *own* hook that its
owner need not implement.

Rules for all hooks:

- An implementation names only the arguments that it needs.
- An implementation of an awaited hook is an ``async def``, which runs on the hub's event loop and must not
  block, or a plain ``def``, which runs in the plugin's own thread pool and may block.
- Arguments and answers are the frozen records of `plughub.kinds`. No hook gets a database session, a
  database row or a request handler. Authenticators get a copy of the request, `RequestInfo`, without the
  hub's own secrets.
- A hub process may be killed at any moment, and another one continues its work. Any *own* hook may
  therefore be called again for work that it has already done. Return what must be remembered; do not keep
  it in memory.
- Errors, log lines and metrics carry the name of the plugin.
- Usernames are normalised before a plugin sees them: ``Alice`` and ``alice`` are one user.

Rules for register hooks:

- An implementation is a plain ``def``.
- The hub calls it in each of its processes at start, after it has read the configuration. The docstring of
  a hook has a ``When`` section only where it says more.
- An exception stops the start of the hub, with the plugin's name and the message.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plughub.markers import CallMode, hook

if TYPE_CHECKING:
    from pathlib import Path

    from traitlets.config import Config

    from plughub.classes.authenticator.authenticator import Authenticator
    from plughub.classes.proxy.proxy import Proxy
    from plughub.classes.spawner.spawner import Spawner
    from plughub.kinds import (
        ActiveServers,
        Command,
        Diagnosis,
        Endpoint,
        Event,
        Found,
        HubContext,
        Identity,
        Login,
        LoginMethod,
        ManagedRole,
        Moved,
        Page,
        Profile,
        Progress,
        ProxyInfo,
        ProxySettings,
        Refusal,
        Rejected,
        RequestInfo,
        Resumable,
        Route,
        Server,
        SpawnerInfo,
        TokenIdentity,
        Usage,
        UserInfo,
        Watched,
    )

# ------------------------------------------------------------------------------------------ at start


@hook(CallMode.REGISTER)
def hub_configure(context: HubContext) -> None:
    """Configure the plugin for the hub that loaded it.

    When:
        After the configuration was checked and before anything is started. ``hub check`` calls it too, with
        a temporary folder, a mark of its own and a database in memory (``JupyterHub.db_url``): refuse
        settings by raising `plughub.errors.StartError`, but start nothing and write only into the folder.

    Args:
        context: the hub's mark, addresses and folders, and the plugin's own settings.

    Example:
        from plughub import hookimpl
        from plughub.kinds import HubContext

        limits: dict[str, int] = {"students": 1}

        @hookimpl
        def hub_configure(context: HubContext) -> None:
            limits.update(context.settings.get("limits", {}))
    """


@hook(CallMode.REGISTER)
def hub_register_configurables() -> Sequence[type]:
    """Return the `traitlets.config.Configurable` classes that a config file may set.

    When:
        Before the config file is checked for unknown names. Classes registered as spawner,
        authenticator or proxy are included already.

    Returns:
        The classes.
    """


@hook(CallMode.REGISTER)
def hub_register_spawner() -> type[Spawner]:
    """Register a spawner written as a class.

    A plugin offers at most one spawner, with this hook or with `hub_spawn`.

    Returns:
        A subclass of `plughub.spawner.Spawner`.

    Example:
        from plughub import hookimpl
        from plughub.spawner import Spawner

        class FixedSpawner(Spawner):
            async def start(self):
                return "http://10.0.0.5:8888"

            async def stop(self, now=False): ...

            async def poll(self): ...

        @hookimpl
        def hub_register_spawner() -> type[Spawner]:
            return FixedSpawner
    """


@hook(CallMode.REGISTER)
def hub_register_authenticator() -> type[Authenticator]:
    """Register an authenticator written as a class.

    A plugin offers at most one authenticator, with this hook or with `hub_authenticate`.

    Returns:
        A subclass of `plughub.auth.Authenticator`.

    Example:
        from plughub import hookimpl
        from plughub.auth import Authenticator

        class WorkshopAuthenticator(Authenticator):
            async def authenticate(self, handler, data):
                return data["username"] if data["password"] == "workshop" else None

        @hookimpl
        def hub_register_authenticator() -> type[Authenticator]:
            return WorkshopAuthenticator
    """


@hook(CallMode.REGISTER)
def hub_register_proxy() -> type[Proxy]:
    """Register a proxy written as a class.

    A hub has one proxy. If two active plugins offer one, the hub does not start.

    Returns:
        A subclass of `plughub.proxy.Proxy`.
    """


@hook(CallMode.REGISTER)
def hub_find_class(kind: str, name: str) -> type | None:
    """Find the class that the configuration names by a short name, such as ``github``.

    When:
        ``--plugins`` or a setting such as ``JupyterHub.authenticator_class`` has a name that is no plugin.
        The class becomes a plugin of its own with this name.

    Args:
        kind: ``spawner``, ``authenticator`` or ``proxy``.
        name: the short name.

    Returns:
        A subclass of `plughub.spawner.Spawner`, `plughub.auth.Authenticator` or `plughub.proxy.Proxy`; None
        if the plugin does not know the name.
    """


@hook(CallMode.REGISTER)
def hub_register_commands(config: Config) -> Sequence[Command]:
    """Add commands to the ``hub`` command line: ``hub --plugins NAME COMMAND``.

    When:
        The command line names a command that is not one of the hub's own. No hub is started for it.

    Args:
        config: the configuration as a traitlets ``Config``.

    Returns:
        The commands. A name that is already taken is an error.
    """


@hook(CallMode.REGISTER)
def hub_register_pages() -> Sequence[Page]:
    """Add pages or API calls below ``/hub/``.

    Returns:
        Pages, each with a path below the hub's prefix and a tornado request handler class. The handlers of
        `plughub.handlers` authenticate the request; any other handler is open to everyone.

    Example:
        from plughub import hookimpl
        from plughub.handlers import APIHandler, needs_scope
        from plughub.kinds import Page

        class WhoAmI(APIHandler):
            @needs_scope()
            async def get(self):
                self.answer({"name": self.who.name})

        @hookimpl
        def hub_register_pages() -> list[Page]:
            return [Page(path="/api/whoami", handler=WhoAmI)]
    """


@hook(CallMode.REGISTER)
def hub_register_templates() -> Sequence[Path]:
    """Add folders with Jinja templates that take precedence over the hub's own.

    Returns:
        The folders. A template ``login.html`` in one of them replaces the hub's.
    """


@hook(CallMode.REGISTER)
def hub_register_static() -> Sequence[Path]:
    """Add folders with files that the hub serves below ``/hub/static/``, to everyone.

    Templates link to a file with ``static_url("logo.png")``.

    Returns:
        The folders. The hub's own files take precedence, then the folders in the order of the plugins.
    """


# -------------------------------------------------------------------------------------------- log in


@hook(CallMode.REGISTER)
def hub_login_method() -> LoginMethod:
    """Describe how users log in with this plugin: with the login form, or at another site.

    An authenticator without this hook gets what users type into the login form. A plugin with this hook
    needs no `hub_authenticate` if its own pages log users in, with ``PageHandler.log_in``.

    Returns:
        The label and, for a login at another site, the address that begins it.

    Example:
        from plughub import hookimpl
        from plughub.kinds import LoginMethod

        @hookimpl
        def hub_login_method() -> LoginMethod:
            return LoginMethod(label="campus card", url="campus/begin")
    """


@hook(CallMode.DECIDE, timeout=60)
async def hub_authenticate(login: Login, request: RequestInfo | None) -> Identity | Rejected | None:
    """Authenticate a user.

    When:
        A user submitted the login form or came back from a login at another site. Attempts that must wait
        after wrong passwords never reach the plugin. The number of concurrent calls is limited to the
        threads of a plugin: at most two for one username, and for one address at most half of the places
        that other addresses leave free. A thread that continues after the timeout keeps its place, so give
        every blocking operation a time limit of its own.

    Args:
        login: what the user submitted; the username is normalised already.
        request: the request that submitted it: headers, cookies, address; None for a one-time login link.

    Returns:
        An `Identity` if the plugin authenticated the user, `Rejected` if no other plugin may be asked (a
        locked account), or None if the next plugin should be asked. The first answer that is not None wins.
        If every plugin answers None, the login is refused.

    Errors:
        An exception or timeout is logged and counts as None; the user reads that one way of logging in is
        out of order. After a `plughub.errors.UnavailableError` that no other plugin answers with None, the
        user reads its message with the advice to try again, and the attempt does not count as a wrong
        password.

    Example:
        from plughub import hookimpl
        from plughub.kinds import Identity, Login, Rejected

        passwords = {"alice": "correct horse battery staple"}
        locked = {"mallory"}

        @hookimpl
        async def hub_authenticate(login: Login) -> Identity | Rejected | None:
            if login.username in locked:
                return Rejected("This account is locked. Ask your administrator.")
            known = passwords.get(login.username) == login.password
            return Identity(name=login.username, groups=frozenset({"staff"})) if known else None
    """


@hook(CallMode.VETO)
async def hub_authorize_login(identity: Identity) -> Refusal | None:
    """Refuse a login, independent of the plugin that authenticated it.

    Use it for deny lists, quotas and maintenance windows. Permission by another plugin never skips it.

    When:
        At every login, after `hub_authenticate` returned an identity.

    Args:
        identity: the user, with the plugin that authenticated them.

    Returns:
        A `Refusal` with a reason that the user reads, or None.

    Errors:
        An exception or timeout refuses the login; the user reads that the check failed.

    Example:
        from plughub import hookimpl
        from plughub.kinds import Identity, Refusal

        maintenance = True

        @hookimpl
        async def hub_authorize_login(identity: Identity) -> Refusal | None:
            if maintenance and not identity.admin:
                return Refusal("The hub is under maintenance until 6 p.m. Try again later.", status=429)
            return None
    """


@hook(CallMode.OWN, optional=True)
async def hub_complete_login(
    identity: Identity, saved: Mapping[str, Any] | None, request: RequestInfo | None
) -> Identity | Rejected | None:
    """Add admin status, groups, roles and secrets to the identity of an authorized login.

    When:
        After `hub_authorize_login`, before the user is stored.

    Args:
        identity: the user, authenticated by this plugin.
        saved: the ``auth_state`` saved at the user's last login; None when there is none.
        request: as in `hub_authenticate`.

    Returns:
        The identity to store, `Rejected`, or None to store the identity unchanged. The ``auth_state`` of the
        stored identity replaces the saved one, even when it is None.

    Errors:
        An exception or timeout refuses the login.
    """


@hook(CallMode.OWN, optional=True, timeout=20)
async def hub_refresh_user(identity: Identity, request: RequestInfo | None) -> Identity | Rejected | None:
    """Check whether a logged-in user is still allowed, and update their groups.

    When:
        For an active user at most once every ``Authenticator.auth_refresh_age`` seconds, before a start if
        ``refresh_pre_spawn`` is set, and before a stop if ``refresh_pre_stop`` is set.

    Args:
        identity: the user as stored, with the saved ``auth_state``.
        request: the request of the user; None if the caller is another user or a service, such as an
            admin who starts the user's server.

    Returns:
        A new identity to store, `Rejected` to make the user log in again, or None for no change. Fields that
        are None stay as they are. A request with a token cannot be sent to the login page; it continues
        unless ``auth_refresh_strict`` is set.

    Errors:
        An exception or timeout changes nothing; a start or stop that required the refresh is refused.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_managed_roles() -> Sequence[ManagedRole]:
    """Return the roles that this authenticator manages independent of any login.

    Roles of one user can come with a login as well, as ``Identity.roles``.

    When:
        Once in each hub process, at start.

    Returns:
        The roles and their holders.

    Errors:
        An exception or timeout stops the start of the hub, because permissions would be unknown.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_add_user(user: UserInfo) -> Refusal | None:
    """Prepare the system for a user, for example create an account or a home directory.

    When:
        At each login, after `hub_complete_login` and before the user is stored; before an admin adds a user,
        for every authenticator; and at the start of a hub for every stored user. Most calls therefore
        concern a user who is prepared already.

    Args:
        user: the user; at a login with the groups and ``auth_state`` of that login.

    Returns:
        A `Refusal` with a reason that is shown if the user cannot use this hub, or None. A user whom
        an admin adds is refused only if every authenticator refuses.

    Errors:
        An exception or timeout refuses, but never makes the hub delete a user.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_rename_user(user: UserInfo, name: str) -> None:
    """Apply a new username outside the hub.

    When:
        Before the new name is stored, while the user's servers are stopped. It may be called again.

    Args:
        user: the user with the current name.
        name: the new name, normalised.

    Errors:
        An exception or timeout refuses the new name.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_delete_user(user: UserInfo) -> None:
    """Clean up outside the hub when a user is deleted.

    When:
        After the user's servers are stopped and the deletion is recorded. It is called for the
        authenticators that know the user, or for every authenticator if none does. It may be called again.

    Args:
        user: the user, who is still stored.

    Errors:
        An exception or timeout keeps the user and is reported to the admin who requested the deletion.
    """


@hook(CallMode.DECIDE, timeout=10)
async def hub_check_token(token: str) -> TokenIdentity | None:
    """Return the owner of a token.

    When:
        A request has an ``Authorization`` header and the answer is not cached. The built-in plugin for
        the hub's own tokens is asked first.

    Args:
        token: the text after ``token`` or ``bearer``, at most 64 KiB.

    Returns:
        The owner, scopes and expiry of the token, or None if the plugin does not know it.
        The first answer that is not None wins.

    Errors:
        An exception or timeout counts as None. After a `plughub.errors.UnavailableError` the request is
        answered with 503 if no other plugin knows the token.
    """


# --------------------------------------------------------------------------------------- the spawner


@hook(CallMode.REGISTER)
def hub_spawner_info() -> SpawnerInfo:
    """Describe the spawner: its label, its time limits, whether it is bound to this machine.

    A spawner without this hook has the defaults of `SpawnerInfo`.

    Returns:
        The description.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_check_spawner() -> Diagnosis | str | None:
    """Check whether servers can be started at present.

    When:
        The start page is shown, and every 20 seconds for the findings that administrators read, at most once
        every ten seconds in each hub process. The page waits two seconds for the answer.

    Returns:
        None if servers can start; else a sentence for users, or a `Diagnosis` with details for
        administrators. The start page shows the reason; a start is not refused.

    Errors:
        An exception or timeout counts as unavailable; users read that the spawner does not answer.

    Example:
        from pathlib import Path
        from plughub import hookimpl
        from plughub.kinds import Diagnosis

        socket = Path("/var/run/docker.sock")

        @hookimpl
        def hub_check_spawner() -> Diagnosis | None:
            if socket.exists():
                return None
            return Diagnosis("The machine for containers does not answer.", detail=f"{socket} is missing")
    """


@hook(CallMode.OWN, optional=True)
async def hub_profiles(server: Server) -> Sequence[Profile]:
    """Return the profiles among which the user chooses.

    The hub shows them as cards on the start page, renders and validates their options, and stores the choice
    in ``server.options``: ``profile`` is the slug, and every option of the profile has its own key. A form of
    `hub_options_form` follows below them.

    When:
        The start page is shown, and before a start is stored.

    Args:
        server: the server to start, with the options of its last start.

    Returns:
        The profiles, in the order of the page. The hub offers those whose groups the user is in. If there
        are any, a start without ``profile`` uses the default one.

    Errors:
        An exception, a timeout or an invalid schema shows an error page, and refuses a start.

    Example:
        from plughub import hookimpl
        from plughub.kinds import Profile

        hours = {"type": "integer", "title": "Hours", "minimum": 1, "maximum": 8, "default": 2}

        form = {"type": "object", "properties": {"hours": hours}}

        @hookimpl
        async def hub_profiles() -> list[Profile]:
            small = Profile(slug="small", title="Small", description="For exercises.")
            return [small, Profile(slug="gpu", title="GPU", groups=("researchers",), options=form)]
    """


@hook(CallMode.OWN, optional=True)
async def hub_options_form(server: Server) -> str | None:
    """Return the form with which the user chooses options for a start.

    When:
        The start page is shown.

    Args:
        server: the server to start, with the options of its last start.

    Returns:
        HTML for the inside of a ``<form>``; the hub does not escape it. None or an empty text: no form.

    Errors:
        An exception or timeout shows an error page.

    Example:
        from html import escape
        from plughub import hookimpl
        from plughub.kinds import Server

        @hookimpl
        async def hub_options_form(server: Server) -> str:
            image = escape(str(server.options.get("image", "base")))
            return f'<label>Image <input name="image" value="{image}"></label>'

        @hookimpl
        async def hub_options_from_form(form):
            return {"image": form["image"][0]}
    """


@hook(CallMode.OWN, optional=True)
async def hub_options_from_form(
    server: Server, form: Mapping[str, Sequence[Any]], linked: bool
) -> Mapping[str, Any] | None:
    """Convert submitted form fields into options.

    When:
        The start page was submitted, or its address has options in its query; before the start is stored.

    Args:
        server: the server to start.
        form: the values of each field as a list; uploaded files are under ``<field>_file``. A request with
            files is refused if `hub_options_form` returns no form.
        linked: the values come from the query of the address, not from the form.

    Returns:
        JSON-able options of at most 64 KiB. They are stored and passed to `hub_spawn` as ``server.options``.
        Bytes are refused: store the content of a file elsewhere, or convert it to text.

    Errors:
        The message of a ValueError or a `SpawnFailed` is shown above the form, which keeps its values;
        another exception shows an error page.
    """


@hook(CallMode.VETO)
async def hub_authorize_spawn(server: Server, active: ActiveServers) -> Refusal | None:
    """Refuse a start, for example because of a quota, a budget or the time of day.

    When:
        Before a start is stored, for every spawner.

    Args:
        server: the requested server; ``server.options`` are the chosen options.
        active: how many other servers of the user, and of the user's groups, are active. The hub counts them
            only for implementations that name this argument. Starts that are requested at the same moment
            do not count each other, so a limit may be exceeded by a few servers.

    Returns:
        A `Refusal` with a reason that the user reads, or None.

    Errors:
        An exception or timeout refuses the start; the user reads that the check failed.

    Example:
        from plughub import hookimpl
        from plughub.kinds import ActiveServers, Refusal, Server

        @hookimpl
        async def hub_authorize_spawn(server: Server, active: ActiveServers) -> Refusal | None:
            if server.options.get("gpu") and "researchers" not in server.user.groups:
                return Refusal("GPU servers are for researchers. Choose another option.")
            if active.user >= 3:
                return Refusal("You have three servers. Stop one of them first.", status=429)
            if active.groups.get("students", 0) >= 40:
                return Refusal("All places of your course are taken. Try again later.", status=429)
            return None
    """


@hook(CallMode.OWN, timeout=60)
async def hub_spawn(server: Server) -> Endpoint:
    """Start the server and return its address.

    When:
        The start is stored and due. After a crash of the hub it is called again with another
        ``server.operation``, unless `hub_inventory` finds what was launched. Therefore launch everything
        with ``server.launch_marks``, and expect the remains of an incomplete start.

    Args:
        server: user, options, saved state and ``server.environment``, the variables of the single-user
            protocol. They contain a secret: never log them or pass them as arguments of a command.

    Returns:
        The address where the server listens or will listen, and the state to save. The hub waits until
        the server answers HTTP.

    Errors:
        An exception fails the start; the hub calls `hub_stop` to clean up. The user reads the message of a
        `SpawnFailed` and the lines of `hub_logs`. The ``detail`` of a `SpawnFailed` and the text of any
        other exception go to administrators and to the log. The time limit is
        ``SpawnerInfo.start_timeout`` seconds.

    Example:
        import os
        from pathlib import Path
        from plughub import hookimpl
        from plughub.kinds import Endpoint, Server
        from plughub.processes import launch
        from plughub.utils import random_port

        @hookimpl
        def hub_spawn(server: Server) -> Endpoint:
            url, home = f"http://127.0.0.1:{random_port()}", Path.home()
            environment = {"PATH": os.environ["PATH"], **server.environment_at(url)}
            command = ["jupyterhub-singleuser"]
            process = launch(command, log=home / "server.log", cwd=home, environment=environment)
            return Endpoint(url=url, state=process.as_state())
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_receive(server: Server, values: Mapping[str, Any]) -> None:
    """Receive values that the starting server has posted, such as the port that it has chosen.

    A page of a plugin accepts them, with ``APIHandler.post_to_spawner``. Implement this hook if `hub_spawn`
    waits for such values. The hub calls it in the process that executes `hub_spawn`, whichever process the
    server has reached.

    When:
        During `hub_spawn`, within half a second after values were posted.

    Args:
        server: the server, as passed to `hub_spawn`.
        values: all values that this launch has posted. They come from the server, which its user controls:
            validate them.

    Errors:
        An exception or timeout is logged, and the hook is called again after a delay.
    """


@hook(CallMode.OWN, timeout=30)
async def hub_poll(server: Server) -> int | Moved | Watched | None:
    """Check whether the server runs, and whether it is still at the recorded address.

    When:
        At least once a second during a start, then every ``SpawnerInfo.poll_interval`` seconds (ten times
        less often after `Watched`), and once for every server when a hub starts.

    Args:
        server: with the state that `hub_spawn` saved; ``server.url`` is the recorded address.

    Returns:
        None if it runs at ``server.url``; `Watched` if, in addition, `hub_watch` reports its end and its
        moves; `Moved` if it runs at another address or currently has none; otherwise the exit code (0 if
        unknown). If a server can change its address, as a restarted container does, compare the address with
        ``server.url`` in each call: the old address may belong to another user's server. An answer that
        arrives after the server was started again is ignored.

    Errors:
        An exception or timeout means unknown, and unknown is not stopped: the server and its route
        stay as they are.

    Example:
        from plughub import hookimpl
        from plughub.kinds import Server
        from plughub.processes import ProcessIdentity

        @hookimpl
        def hub_poll(server: Server) -> int | None:
            process = ProcessIdentity.from_state(server.state)
            return None if process and process.is_running() else 0
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_verify_address(server: Server) -> bool:
    """Check whether the launched server is what listens at ``server.url``.

    Implement it if other processes can listen at the address of a server, as on a machine that servers share
    with their users or with each other. Without this hook the hub trusts whatever answers there.

    When:
        After a starting server has answered HTTP and before its route is added; after each `hub_poll` that
        finds a server running; and when a hub starts, before the routes are restored.

    Args:
        server: with the state that `hub_spawn` saved and the recorded address.

    Returns:
        True if every process that can accept connections at the address belongs to the server. False
        if another process can, or nothing listens there. During a start False means not ready yet, and the
        start fails after ``SpawnerInfo.http_timeout`` seconds. A running server loses its route until the
        answer is True again; the server is not stopped.

    Errors:
        An exception or timeout means unknown: a starting server is not ready; a running server and its
        route stay as they are.
    """


@hook(CallMode.OWN, optional=True, timeout=600)
def hub_watch(mark: str) -> AsyncIterator[str]:
    """Report servers that have ended or moved as soon as it happens. An async generator that never ends.

    It complements `hub_poll`, which may answer `Watched`, and does not replace it. Report quickly: until the
    route of a dead server is removed, another process may take over its address.

    When:
        During the whole life of a hub process. It is called again if it ends.

    Args:
        mark: the hub's mark.

    Returns:
        An asynchronous iterator over the ``Server.operation`` of servers that should be polled now.

    Errors:
        An exception is logged, and the hook is called again after a delay.
    """


@hook(CallMode.OWN, timeout=120)
async def hub_stop(server: Server, now: bool) -> Resumable | None:
    """Stop the server and wait for its end. It is no error if the server is gone already.

    When:
        A stop was requested, a start failed, or a server was found dead and must be cleaned up. It is called
        again after a crash of the hub.

    Args:
        server: with the state that `hub_spawn` saved; the state is empty if a start failed before
            `hub_spawn` returned.
        now: stop the server immediately, without a graceful shutdown.

    Returns:
        None, or `Resumable` if the next start resumes the stopped server, whose token and state must then
        be kept.

    Errors:
        An exception or timeout leaves the server as it is; the hub retries the stop.

    Example:
        from plughub import hookimpl
        from plughub.kinds import Server
        from plughub.processes import ProcessIdentity, end

        @hookimpl
        def hub_stop(server: Server, now: bool) -> None:
            if process := ProcessIdentity.from_state(server.state):
                end(process, timeout=0.1 if now else 30.0)
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_rename_server(server: Server, name: str) -> None:
    """Apply the new name of a named server outside the hub.

    When:
        Before the new name is stored, while the server is stopped. It may be called again.

    Args:
        server: the server with its current name.
        name: the new name.

    Errors:
        An exception or timeout refuses the new name.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_delete_server(server: Server) -> None:
    """Remove everything that a server kept between its starts: it is deleted permanently.

    When:
        A named server is removed or its user is deleted; after the server is stopped and its deletion is
        recorded. It is called for every server, even one that kept nothing or never ran. It may be called
        again.

        Another user or server may get the same name later. What this call leaves behind must not be
        resumed then: resume only what ``server.state`` names.

    Args:
        server: the server, which is still stored.

    Errors:
        An exception or timeout is logged; the server is deleted nevertheless.
    """


@hook(CallMode.OWN, optional=True, timeout=600)
def hub_progress(server: Server) -> AsyncIterator[Progress]:
    """Report the progress of a start. An async generator.

    When:
        A start is in progress and a user watches it. The hub closes the generator when the start ends.

    Args:
        server: the starting server.

    Returns:
        An asynchronous iterator of `Progress`. A report of 100 percent is held back until the server is
        ready and then replaces the hub's own message.

    Errors:
        An exception is logged and ends the report; the start continues.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_logs(server: Server, lines: int) -> Sequence[str]:
    """Return the last lines of the server's output.

    When:
        A start failed, a server died, a user requests the lines, and about once a second while users follow
        the log of a server that starts or runs. The hub reads only a few logs of a plugin at the same time.

    Args:
        server: with the state that `hub_spawn` saved; during `hub_spawn` with what `hub_progress` reported.
        lines: the largest number of lines to return, usually 1000 and at most 10,000.

    Returns:
        The lines, oldest first, without line ends. The last line may be incomplete. The hub removes colours
        and what looks like a secret from them.

    Errors:
        An exception or timeout shows no lines.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_usage(server: Server) -> Usage | None:
    """Measure the CPU time, memory and disk that a running server uses.

    When:
        A page or an API call shows the usage, and about once a minute while metrics are read. The hub caches
        the answer for a few seconds, however many users watch the server, and measures only a few servers
        of a plugin at the same time.

    Args:
        server: with the state that `hub_spawn` saved.

    Returns:
        What is known without effort; None if the server does not run, or nothing is known.

    Errors:
        An exception or timeout counts as None.

    Example:
        import psutil
        from plughub import hookimpl
        from plughub.kinds import Server, Usage
        from plughub.processes import ProcessIdentity

        @hookimpl
        def hub_usage(server: Server) -> Usage | None:
            process = ProcessIdentity.from_state(server.state)
            if process is None or not process.is_running():
                return None
            measured = psutil.Process(process.pid)
            times = measured.cpu_times()
            return Usage(cpu_seconds=times.user + times.system, memory=measured.memory_info().rss)
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_diagnose(server: Server) -> Diagnosis | str | None:
    """Explain why a server does not answer, for example because it listens on another port.

    When:
        A server did not answer HTTP in time or ended by itself; before the failure is shown.

    Args:
        server: with the state that `hub_spawn` saved.

    Returns:
        One sentence for the user, in addition to the exit code that they read anyway, or None if the cause
        is unknown. A `Diagnosis` adds a detail for administrators: paths, settings, commands.

    Errors:
        An exception or timeout counts as None.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_inventory(mark: str) -> Iterable[Found]:
    """List everything that runs under this hub's mark, recorded or not.

    When:
        A hub process takes over a start from another one; and about once a minute, to find orphans.

    Args:
        mark: the hub's mark, which is the same for all processes of one hub and across restarts.

    Returns:
        What runs, each with the operation that launched it.

    Errors:
        An exception or timeout means unknown: nothing is started twice, nothing is removed.
    """


# ----------------------------------------------------------------------------------------- the proxy


@hook(CallMode.REGISTER)
def hub_proxy_info() -> ProxyInfo:
    """Describe the proxy: its features, and whether it is bound to this machine.

    A proxy without this hook has the defaults of `ProxyInfo`: hub processes on all machines reach the same
    proxy.

    Returns:
        The description.
    """


@hook(CallMode.OWN, timeout=30)
async def hub_proxy_start(proxy: ProxySettings) -> Mapping[str, Any]:
    """Start the proxy, or find the one that runs already.

    When:
        At start, and again whenever `hub_proxy_poll` reports an exit code. If the proxy runs already,
        leave it alone.

    Args:
        proxy: where to listen, the address of the hub, and the state saved by the last start.

    Returns:
        JSON-able state to save, with which a later process finds the running proxy.

    Errors:
        An exception stops the start of the hub; later it is logged and the call is retried.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_proxy_poll() -> int | None:
    """Check whether the proxy runs.

    When:
        Every second; less often with more than 5,000 routes.

    Returns:
        None if it runs, otherwise its exit code (0 if unknown).

    Errors:
        An exception or timeout means unknown, and nothing is done.
    """


@hook(CallMode.OWN, timeout=30)
async def hub_proxy_stop() -> None:
    """Stop the proxy. It is no error if the proxy is gone already.

    When:
        The hub shuts down and ``JupyterHub.cleanup_proxy`` is set.

    Errors:
        An exception is logged.
    """


@hook(CallMode.OWN, timeout=10)
async def hub_route_add(route: Route) -> None:
    """Send requests below ``route.routespec`` to ``route.target``; replace an older target.

    When:
        A server is ready, a service starts, or a route was found missing. Open connections of other
        routes must continue.

    Args:
        route: prefix, target and the data that belongs to it. The prefix is escaped, and a client may escape
            it differently (``+`` for ``%2B``): decode the prefix and the path of a request once, and
            compare the results. A proxy that can change a path forwards the request with the prefix as it
            is spelled here.

    Errors:
        An exception is retried until the route exists or the server is stopped.
    """


@hook(CallMode.OWN, timeout=10)
async def hub_route_delete(routespec: str, data: Mapping[str, Any]) -> None:
    """Delete a route. It is no error if the route does not exist.

    When:
        A server stops, or a route was found that belongs to nothing.

    Args:
        routespec: the prefix, spelled as in `hub_route_add`.
        data: what the route belongs to, as in ``Route.data``; empty if unknown.

    Errors:
        An exception is retried.
    """


@hook(CallMode.OWN, timeout=20)
async def hub_routes(activity: bool) -> Sequence[Route]:
    """List the routes that the proxy has for this hub.

    When:
        Every second, less often with more than 5,000 routes, to repair differences. The call should be cheap
        if nothing has changed. From time to time the hub requests the last activity as well.

    Args:
        activity: include the last activity of each route; otherwise it may be omitted where it is expensive.

    Returns:
        The routes that the hub added, without routes of others.

    Errors:
        An exception or timeout means unknown: nothing is changed.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_routes_replace(routes: Sequence[Route]) -> None:
    """Replace the whole route table, atomically if the proxy can.

    When:
        The proxy was restarted or lost its table. Without this hook the routes are added one by one.

    Args:
        routes: the complete table.

    Errors:
        An exception is retried.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_routes_check(routes: Sequence[Route], pending: Sequence[Route]) -> None:
    """Check the proxy against the complete table, in addition to the comparison by the hub.

    The hub compares `hub_routes` with its own table by itself. Implement this hook for what that does not
    show, such as routes that the proxy no longer answers.

    When:
        After the start of the hub, after a restart of the proxy, every
        ``JupyterHub.last_activity_interval`` seconds but at least every five minutes, and when a client
        requests it by ``POST /hub/api/proxy``; each time after the hub has repaired the differences. Of
        several hub processes with one proxy, one calls it, except for the request.

    Args:
        routes: routes that should exist: those of hub, servers and services.
        pending: routes of servers that start or stop; leave them unchanged.

    Errors:
        An exception or timeout is logged and affects nothing else.
    """


# --------------------------------------------------------------------------------------------- tell


@hook(CallMode.TELL)
async def hub_event(event: Event) -> None:
    """Receive an event: a login, a start, a stop, a failure, a token; `EventKind` lists all kinds.

    When:
        After the change was stored, in the order of the changes. A slow plugin does not delay others; one
        that lags far behind misses the newest events. Of the refused logins of one username and address
        the first in a minute is reported immediately, the others of that minute as one event whose
        ``detail`` has their number as ``count``.

    Args:
        event: what happened, when, to which user, by whose request.

    Errors:
        An exception or timeout is logged and affects nothing else.

    Example:
        import logging
        from plughub import hookimpl
        from plughub.kinds import Event, EventKind

        log = logging.getLogger("mail_admins")

        @hookimpl
        async def hub_event(event: Event) -> None:
            if event.kind is EventKind.SPAWN_FAILED:
                log.warning("server %r of %s did not start: %s", event.server, event.user, event.detail)
    """
