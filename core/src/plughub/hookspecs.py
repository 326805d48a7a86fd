"""The contract between the hub and its plugins: every hook, in the order of a server's life.

A plugin is a module or an object. It implements the hooks it needs and no others; this one keeps guests
from starting servers::

    from plughub import hookimpl
    from plughub.kinds import Refusal, Server

    @hookimpl
    async def hub_authorize_spawn(server: Server) -> Refusal | None:
        return Refusal("guests may only look") if "guests" in server.user.groups else None

One hook makes a plugin a backend, and then it has to have the others of that row:

=============  ==================  ================================================================
spawner        `hub_spawn`         `hub_poll`, `hub_stop`
authenticator  `hub_authenticate`
proxy          `hub_route_add`     `hub_route_delete`, `hub_routes`, `hub_proxy_start`, `hub_proxy_stop`
=============  ==================  ================================================================

A backend written as a class registers the class instead (`hub_register_spawner` and its like): its
methods are called through these same hooks.

How a hook is called stands above it:

========  ==========================================================================================
register  once at start, not awaited, all answers are kept
decide    awaited one by one in the order of ``--plugins``; the first answer that is not None wins
veto      every plugin is asked; one refusal, one exception or one time-out refuses
own       only the plugin that owns the thing is called: its name is stored with it
tell      all are told; one that fails is logged and hurts nobody
========  ==========================================================================================

and beside it ``timeout``, the seconds after which a call is given up (30 when it does not stand there), and
``optional``, when a plugin that owns the thing may do without the hook.

Rules that hold for all hooks:

- An implementation names only the arguments that it wants.
- A hook that is awaited may be an ``async def``, which runs on the hub's loop and must not block, or a plain
  ``def``, which runs in a small thread pool of its plugin and may. A register hook is a plain ``def``.
- Arguments and answers are the frozen records of `plughub.kinds`. No hook gets a database
  session, a row or a request.
- A hub may be killed at any moment, and another process goes on: any *own* hook may be called again for what
  it has done already. What a plugin has to remember belongs into what it answers, not into its memory.
- Errors, log lines and metrics carry the name of the plugin.
- Names are already normalised: ``Alice`` and ``alice`` are one user before a plugin sees her.
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
        Progress,
        ProxyInfo,
        ProxySettings,
        Refusal,
        Rejected,
        Resumable,
        Route,
        Server,
        SpawnerInfo,
        TokenIdentity,
        UserInfo,
    )

# ------------------------------------------------------------------------------------------ at start


@hook(CallMode.REGISTER)
def hub_configure(context: HubContext) -> None:
    """Take note of the hub that the plugin works for.

    When:
        Once in each hub process, when the configuration was checked and before anything is started.

    Args:
        context: the hub's mark, addresses and folders, and the plugin's own settings.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_configurables() -> Sequence[type]:
    """Name the `traitlets.config.Configurable` classes that a config file may set.

    When:
        At start, before the config file is checked for unknown names. Classes that are registered
        as spawner, authenticator or proxy need not be named again.

    Returns:
        The classes.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_spawner() -> type[Spawner]:
    """Offer a spawner written as a class.

    When:
        At start. A plugin offers one spawner: by this hook, or by `hub_spawn`.

    Returns:
        A subclass of `plughub.spawner.Spawner`.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_authenticator() -> type[Authenticator]:
    """Offer an authenticator written as a class.

    When:
        At start. A plugin offers one authenticator: by this hook, or by `hub_authenticate`.

    Returns:
        A subclass of `plughub.auth.Authenticator`.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_proxy() -> type[Proxy]:
    """Offer a proxy written as a class.

    When:
        At start. A hub has one proxy: two plugins that offer one stop the start.

    Returns:
        A subclass of `plughub.proxy.Proxy`.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_commands(config: Config) -> Sequence[Command]:
    """Add commands to the ``hub`` command line: ``hub --plugins NAME COMMAND``.

    When:
        A person types a command that is none of the hub's own. No hub is started for it.

    Args:
        config: the configuration, as traitlets knows it.

    Returns:
        The commands; a name that is taken already stops the start.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_pages() -> Sequence[Page]:
    """Add pages or API calls below ``/hub/``.

    When:
        At start, when the web application is built.

    Returns:
        Pages, each a path below the hub's prefix and a tornado request handler class. Those of
        `plughub.handlers` know who asks; any other is open to everybody.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.REGISTER)
def hub_register_templates() -> Sequence[Path]:
    """Add folders with Jinja templates, looked up before the hub's own.

    When:
        At start, when the web application is built.

    Returns:
        Folders; a template ``login.html`` in one takes the place of the hub's.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


# -------------------------------------------------------------------------------------------- log in


@hook(CallMode.REGISTER)
def hub_login_method() -> LoginMethod:
    """Tell how a person logs in with this plugin: by the form for name and password, or elsewhere.

    When:
        At start. An authenticator without this hook is asked with what the form sends.

    Returns:
        The label and, when the login happens elsewhere, the address that begins it.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.DECIDE, timeout=60)
async def hub_authenticate(login: Login) -> Identity | Rejected | None:
    """Say who is logging in.

    When:
        Somebody sent the login form, or came back from an outside login. Tries that have to wait after
        wrong passwords never get here. As many run at once as a plugin has threads: two of one name, and
        of one address half of the places that others leave free. A thread that continues after the time-out
        keeps its place, so end what hangs.

    Args:
        login: what was sent, with the name already normalised.

    Returns:
        An `Identity` when the person is known, `Rejected` when nobody else may be asked either
        (a locked account), None when this plugin does not know: the next plugin is asked.
        The first answer that is not None wins. All None: the login is refused.

    Errors:
        An exception or time-out is logged, counts as None and shows the person that one way of
        logging in is out of order. With `plughub.domain.errors.UnavailableError` she
        reads its message, and to try again, when no other plugin knows her.
    """


@hook(CallMode.VETO)
async def hub_authorize_login(identity: Identity) -> Refusal | None:
    """Refuse a login, whoever authenticated it.

    When:
        After `hub_authenticate` gave an identity, at every login. Deny-lists, quotas and
        maintenance windows belong here; being allowed by another plugin never skips it.

    Args:
        identity: the person, with the plugin that authenticated her.

    Returns:
        A `Refusal` with a reason that the person reads, or None.

    Errors:
        An exception or time-out refuses the login; the person reads that the check failed.
    """


@hook(CallMode.OWN, optional=True)
async def hub_complete_login(
    identity: Identity, saved: Mapping[str, Any] | None
) -> Identity | Rejected | None:
    """Finish an identity once nobody has refused it: admin or not, groups, roles, secrets.

    When:
        After `hub_authorize_login`, before the user is stored.

    Args:
        identity: the person, authenticated by this plugin.
        saved: the secrets of her last login; None when there are none.

    Returns:
        The identity to store, `Rejected`, or None to take it as it is. Its ``auth_state`` takes the
        place of what is saved, also when it is None.

    Errors:
        An exception or time-out refuses the login.
    """


@hook(CallMode.OWN, optional=True, timeout=20)
async def hub_refresh_user(identity: Identity) -> Identity | Rejected | None:
    """Look again whether a person may still come in, and with what groups.

    When:
        At most every ``Authenticator.auth_refresh_age`` seconds for a person who is active, before
        a start when ``refresh_pre_spawn`` is set, and before a stop when ``refresh_pre_stop`` is.

    Args:
        identity: the person as stored now, with her saved secrets.

    Returns:
        A new identity to store, `Rejected` to have her log in again, None for no change. What is
        None in the identity stays as it is. A request with a token cannot be sent to log in: it goes
        on, unless ``auth_refresh_strict`` is set.

    Errors:
        An exception or time-out changes nothing; a start or stop that asked for it is refused.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_managed_roles() -> Sequence[ManagedRole]:
    """Name the roles that this authenticator manages, before anybody has logged in.

    When:
        Once in each hub process, at start. Roles come with a login too, as ``Identity.roles``.

    Returns:
        The roles, and who holds them.

    Errors:
        An exception or time-out stops the start of the hub: nobody would know who may do what.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_add_user(user: UserInfo) -> Refusal | None:
    """Prepare for a user: make her account, her home.

    When:
        At each login, after `hub_complete_login` and before she is stored; before an admin adds her,
        with every authenticator; and at the start of a hub for all users it knows. So it is called
        again and again, and has nothing to do most of the time.

    Args:
        user: the user; at a login with what it brought.

    Returns:
        A `Refusal` when she cannot be a user here, with a reason that is shown, or None. She is not
        added when all authenticators that were asked refuse.

    Errors:
        An exception or time-out refuses, but never makes the hub delete a user.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_rename_user(user: UserInfo, name: str) -> None:
    """Follow a user who gets another name.

    When:
        Before the new name is stored; her servers are stopped. It may be called again.

    Args:
        user: with the name that she has.
        name: the name that she gets, normalised.

    Errors:
        An exception or time-out refuses the new name.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_delete_user(user: UserInfo) -> None:
    """Clean up after a user who is deleted.

    When:
        Her servers are stopped, and that she is to be deleted is written down. Only the
        authenticators that know her are called; all of them when none does. It may be called again.

    Args:
        user: the user, still stored.

    Errors:
        An exception or time-out keeps her; whoever asked is told.
    """


@hook(CallMode.DECIDE, timeout=10)
async def hub_check_token(token: str) -> TokenIdentity | None:
    """Say whose token this is.

    When:
        A request carries an ``Authorization`` header and the answer is not cached. The hub's own
        tokens are looked up first, by a plugin like any other.

    Args:
        token: the text after ``token`` or ``bearer``, at most 64 KiB.

    Returns:
        The owner, scopes and end of the token, or None when it is not known here.
        The first answer that is not None wins.

    Errors:
        An exception or time-out counts as None. With `plughub.domain.errors.UnavailableError`
        the request is answered with 503 when no other plugin knows the token.
    """


# --------------------------------------------------------------------------------------- the spawner


@hook(CallMode.REGISTER)
def hub_spawner_info() -> SpawnerInfo:
    """Describe the spawner: its label, its time-outs, whether it is bound to this machine.

    When:
        At start. A spawner without this hook gets the defaults of `SpawnerInfo`.

    Returns:
        The description.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.OWN, optional=True)
async def hub_options_form(server: Server) -> str | None:
    """Give the form in which the user chooses how to start.

    When:
        The start page is shown.

    Args:
        server: the server to start, with the options of the last time.

    Returns:
        HTML that goes inside a ``<form>``; the caller trusts it. None or empty: no form.

    Errors:
        An exception or time-out shows an error page.
    """


@hook(CallMode.OWN, optional=True)
async def hub_options_from_form(
    server: Server, form: Mapping[str, Sequence[Any]], linked: bool
) -> Mapping[str, Any] | None:
    """Turn what the start page sent into options.

    When:
        The start page was sent, or its address has options in its query, before the start is written down.

    Args:
        server: the server to start.
        form: lists of texts by field; uploaded files are under ``<field>_file``. A request with files is
            refused where `hub_options_form` gives no form.
        linked: the texts come from the query of the address, not from the form.

    Returns:
        JSON-able options of at most 64 KiB, stored and handed to `hub_spawn` as ``server.options``. Bytes are
        refused: keep the content of a file elsewhere, or turn it into text.

    Errors:
        A ValueError or a SpawnFailed shows its message above the form, which keeps what was typed; another
        exception shows an error page.
    """


@hook(CallMode.VETO)
async def hub_authorize_spawn(server: Server) -> Refusal | None:
    """Refuse a start: quotas, budgets, closed hours.

    When:
        Before a start is written down, for every spawner.

    Args:
        server: the server asked for; ``server.options`` are the chosen options.

    Returns:
        A `Refusal` with a reason that the user reads, or None.

    Errors:
        An exception or time-out refuses the start; the user reads that the check failed.
    """


@hook(CallMode.OWN, timeout=60)
async def hub_spawn(server: Server) -> Endpoint:
    """Start the server and say where it will answer.

    When:
        A start was written down and its turn has come. After a crash of the hub it is called again
        with another ``server.operation``, unless `hub_inventory` finds what was launched: so what
        is launched must carry ``server.mark`` and ``server.operation``, and a half-made start must
        not stand in the way.

    Args:
        server: user, options, saved state and ``server.environment``, the variables that the
            single-user protocol asks for; they hold a secret and belong in no log and no argv.

    Returns:
        The endpoint: the address where the server listens or soon will, and the state to save.
        Waiting until it answers HTTP is the hub's work.

    Errors:
        An exception fails the start, and `hub_stop` is called to clean up. The user reads the message of a
        `SpawnFailed`, and the lines of `hub_logs`. The ``detail`` of a `SpawnFailed`, and the text of any
        other exception, are for administrators and the log. The time-out is
        ``SpawnerInfo.start_timeout`` seconds.
    """


@hook(CallMode.OWN, timeout=30)
async def hub_poll(server: Server) -> int | Moved | None:
    """Look whether the server runs, and whether it is still at the recorded address.

    When:
        Several times a second while it starts, then every ``SpawnerInfo.poll_interval`` seconds, and
        once for every server when a hub starts.

    Args:
        server: with the state that `hub_spawn` saved; ``server.url`` is the recorded address.

    Returns:
        None when it runs at ``server.url``; `Moved` when it runs at another address, or has none at
        present; else the exit code (0 when not known). A server that can change its address, such as a
        container that is restarted, must be compared with ``server.url`` each time: the old address may
        belong to another user's server by now. An answer that arrives after the server was started
        again changes nothing.

    Errors:
        An exception or time-out means unknown, and unknown is not stopped: the server and its route
        stay as they are.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_verify_address(server: Server) -> bool:
    """Say whether what listens at ``server.url`` is the server that was launched.

    Needed where anything else could listen at the address of a server: on a machine that servers share
    with their users or with each other. Without this hook the hub trusts whatever answers there.

    When:
        A starting server has answered HTTP, before its route is added; after each `hub_poll` that finds a
        server running; and when a hub starts, before the routes are restored.

    Args:
        server: with the state that `hub_spawn` saved and the recorded address.

    Returns:
        True when every process that can accept connections at the address belongs to the server. False
        when another process can, or nothing listens there. While a server starts, False means not ready
        yet, and the start fails once ``SpawnerInfo.http_timeout`` has passed. For a running server the
        route is removed until the answer is True again; the server is not stopped.

    Errors:
        An exception or time-out means unknown: a starting server is not ready, a running server and its
        route stay as they are.
    """


@hook(CallMode.OWN, optional=True, timeout=600)
def hub_watch(mark: str) -> AsyncIterator[str]:
    """Report servers that have ended or moved, as it happens. An async generator that never ends.

    It makes the hub quicker, and replaces no `hub_poll`: until the route of a dead server is removed, its
    address may be taken by another process.

    When:
        From the start of a hub to its end; called again when it ends by itself.

    Args:
        mark: the hub's mark.

    Returns:
        An asynchronous iterator over the ``Server.operation`` of servers that should be polled at once.

    Errors:
        An exception is logged, and the hook is called again after a pause.
    """


@hook(CallMode.OWN, timeout=120)
async def hub_stop(server: Server, now: bool) -> Resumable | None:
    """Stop the server and return when it is gone. Stopping what is gone already is no error.

    When:
        A stop was asked for, a start failed, or a server was found dead and is tidied up. After a
        crash of the hub it is called again.

    Args:
        server: with the state that `hub_spawn` saved; empty when a start failed before it answered.
        now: do not wait for a gentle end.

    Returns:
        None; or `Resumable` when the next start goes on with what was stopped, and its token and
        state have to be kept for it.

    Errors:
        An exception or time-out leaves the server as it is; the stop is tried again.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_rename_server(server: Server, name: str) -> None:
    """Follow a named server that gets another name.

    When:
        Before the new name is stored; the server is stopped. It may be called again.

    Args:
        server: with the name that it has.
        name: the name that it gets.

    Errors:
        An exception or time-out refuses the new name.
    """


@hook(CallMode.OWN, optional=True, timeout=120)
async def hub_delete_server(server: Server) -> None:
    """Remove what a server kept over its stops: it is deleted permanently.

    When:
        A named server is removed or its user is deleted; it is stopped, and that it is to be
        deleted is written down. It is called for every server, also for one that has kept nothing or
        never ran. It may be called again.

        Another user or server may have the name later. Whatever this call leaves behind must not be
        resumed then: resume only what ``server.state`` names.

    Args:
        server: the server, still stored.

    Errors:
        An exception or time-out is logged; the server is deleted all the same.
    """


@hook(CallMode.OWN, optional=True, timeout=600)
def hub_progress(server: Server) -> AsyncIterator[Progress]:
    """Report what happens while the server starts. An async generator.

    When:
        A start has begun and somebody is watching; it ends with the start.

    Args:
        server: the server that starts.

    Returns:
        An asynchronous iterator of `Progress`. One of 100 per cent is kept until the server is ready and
        then takes the place of the hub's own message.

    Errors:
        An exception ends the report and is logged; the start goes on.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_logs(server: Server, lines: int) -> Sequence[str]:
    """Give the last lines that the server wrote.

    When:
        A start failed, a server died, or somebody asks.

    Args:
        server: with the state that `hub_spawn` saved.
        lines: how many lines at most.

    Returns:
        The lines, oldest first, without line ends. Secrets are taken out by the caller.

    Errors:
        An exception or time-out shows no lines.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_diagnose(server: Server) -> Diagnosis | str | None:
    """Say why a server that runs does not answer: it listens on another port, it has no memory left.

    When:
        The server did not answer HTTP in time, or it has ended by itself, before the failure is shown.

    Args:
        server: with the state that `hub_spawn` saved.

    Returns:
        One sentence for the user, beyond the exit code that they read anyway; None when it cannot tell. A
        `Diagnosis` has a detail besides, which administrators read: paths, settings, commands.

    Errors:
        An exception or time-out counts as None.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_inventory(mark: str) -> Iterable[Found]:
    """List what runs under this hub's mark, recorded or not.

    When:
        A hub takes over a start that another process began, and now and then to find leftovers.

    Args:
        mark: the hub's mark, the same for all processes of one hub and over restarts.

    Returns:
        What runs, each with the operation that launched it.

    Errors:
        An exception or time-out means unknown: nothing is started twice, nothing is removed.
    """


# ----------------------------------------------------------------------------------------- the proxy


@hook(CallMode.REGISTER)
def hub_proxy_info() -> ProxyInfo:
    """Describe the proxy: whether it is bound to this machine.

    When:
        At start, once for each hub process. Without this hook all hubs reach the same proxy, wherever
        they run.

    Returns:
        The description.

    Errors:
        An exception stops the start of the hub with the plugin's name and the message.
    """


@hook(CallMode.OWN, timeout=30)
async def hub_proxy_start(proxy: ProxySettings) -> Mapping[str, Any]:
    """Have the proxy running: start it, or find the one that runs already.

    When:
        At start, and again whenever `hub_proxy_poll` says that it is gone. It may be called while
        the proxy runs and must then leave it alone.

    Args:
        proxy: where to listen, where the hub is, and the state saved by the last start.

    Returns:
        JSON-able state to save, with which a later process finds the running proxy.

    Errors:
        An exception at the hub's start ends it; later it is logged and tried again.
    """


@hook(CallMode.OWN, optional=True, timeout=10)
async def hub_proxy_poll() -> int | None:
    """Look whether the proxy runs.

    When:
        Every second.

    Returns:
        None when it runs, else its exit code (0 when not known).

    Errors:
        An exception or time-out means unknown, and nothing is done.
    """


@hook(CallMode.OWN, timeout=30)
async def hub_proxy_stop() -> None:
    """Stop the proxy. Stopping what is gone already is no error.

    When:
        The hub ends and ``JupyterHub.cleanup_proxy`` is set.

    Errors:
        An exception is logged.
    """


@hook(CallMode.OWN, timeout=10)
async def hub_route_add(route: Route) -> None:
    """Send requests below ``route.routespec`` to ``route.target``; replace an older target.

    When:
        A server is ready, a service starts, or a route was found missing. Open connections of other
        routes go on.

    Args:
        route: prefix, target and the data that belongs to it. The prefix is escaped, and a client may spell
            it otherwise (``+`` for ``%2B``): decode it and the path of a request once, and compare that. A
            proxy that can change a path hands the request on with the prefix as it is spelled here.

    Errors:
        An exception is tried again until the route stands or the server is stopped.
    """


@hook(CallMode.OWN, timeout=10)
async def hub_route_delete(routespec: str) -> None:
    """Take a route away. Taking away what is not there is no error.

    When:
        A server stops, or a route was found that belongs to nothing.

    Args:
        routespec: the prefix, as it was added.

    Errors:
        An exception is tried again.
    """


@hook(CallMode.OWN, timeout=20)
async def hub_routes(activity: bool) -> Sequence[Route]:
    """List the routes that the proxy has for this hub.

    When:
        Every second, from 5,000 routes on less often, to mend what differs. What has not changed should
        be cheap to tell. Now and then activity is asked for, too.

    Args:
        activity: the last activity of each is wanted; else it may be left out where it costs something.

    Returns:
        The routes that the hub added; those of others are left out.

    Errors:
        An exception or time-out means unknown: nothing is changed.
    """


@hook(CallMode.OWN, optional=True, timeout=60)
async def hub_routes_replace(routes: Sequence[Route]) -> None:
    """Make this the whole table, in one step where the proxy can.

    When:
        The proxy was started anew or lost its table. Without this hook the routes are added one by
        one.

    Args:
        routes: all routes that should stand.

    Errors:
        An exception is tried again.
    """


# --------------------------------------------------------------------------------------------- tell


@hook(CallMode.TELL)
async def hub_event(event: Event) -> None:
    """Learn what happened: a login, a start, a stop, a failure, a token; `EventKind` lists it all.

    When:
        After it happened and was stored, in the order in which it happened. What one plugin takes
        long for delays no other; one that is far behind misses the newest events. Of the refused logins
        of one name and address the first in a minute is reported at once, the others of that minute as one
        event whose ``detail`` has their number as ``count``.

    Args:
        event: what, when, to whom, by whom.

    Errors:
        An exception or time-out is logged and hurts nobody.
    """
