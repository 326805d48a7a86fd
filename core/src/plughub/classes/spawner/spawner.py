"""Base class of spawners."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from collections.abc import Callable as Function
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from plughub.classes.spawner.certificates import CertificateRequest, create_certificate
from plughub.classes.spawner.environment import EnvironmentFacts, build_environment
from plughub.classes.spawner.options import reader_of
from plughub.classes.spawner.poll_callbacks import PollCallbacks
from plughub.classes.tls.certificates import LOCAL_NAMES
from plughub.classes.user_code import call
from plughub.domain.urls import host_in_url
from plughub.kinds import Diagnosis, Found, Moved, Usage

T = TypeVar("T")


class Spawner(PollCallbacks):
    """Starts, polls and stops servers. Subclasses implement `start`, `stop` and `poll`.

    Methods may be ``async def``, coroutines of tornado, or plain ``def``, which run in a thread and may
    block.
    An instance belongs to one server, but is only a cache: after a restart of the hub, or in another hub
    process, the hub creates a new instance and passes it the result of `get_state`. Whatever `poll` and
    `stop`
    need must therefore be part of the state.

    Attributes:
        label: name of the spawner for users who choose between several.
        host_bound: the servers run on the machine of the hub that started them.
        own_accounts: the servers run as system users other than the hub's.
        polls_before_stop: call `stop` only if `poll` says that the server runs. Set it for a class whose
            `stop` fails when the server has ended, or relies on what `poll` finds.
    """

    label: ClassVar[str] = ""
    host_bound: ClassVar[bool] = False
    own_accounts: ClassVar[bool] = False
    polls_before_stop: ClassVar[bool] = False

    # ---- to implement in a subclass

    async def start(self) -> Any:
        """Start the server; it need not respond yet.

        Returns:
            Its address as a URL, as ``(ip, port)``, or as a port; or None after setting ``self.server``.

        Raises:
            SpawnFailed: it cannot start, for a reason that the user should read.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement start")

    async def stop(self, now: bool = False) -> None:
        """Stop the server, and return when it has stopped. A server that has already stopped is not an error.

        Args:
            now: do not wait for a graceful shutdown.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement stop")

    async def poll(self) -> int | Moved | None:
        """Check whether the server runs. An exception means unknown, which the hub does not treat as stopped.

        If the address of the server has changed, report it in one of two ways: change ``self.server`` and
        return None, or return `plughub.kinds.Moved`, which can also report that the server has no address
        at present. The hub stores the address and updates the route. It also stores a state that the poll
        has changed, for example by restarting a server that does not respond. Only the hub process that
        started the server knows its token, and can restart it.

        Returns:
            None if it runs, else its exit code (0 if unknown).
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement poll")

    def verify_address(self) -> Any:
        """Check whether the process that listens at ``self.server`` is the launched server. May be a
        coroutine.

        Override it if another process could listen at the address, as on a machine that servers share with
        their users. The hub then adds no route to a foreign process. A class that does not override it is
        trusted. An exception means unknown; see `plughub.hookspecs.hub_verify_address`.

        Returns:
            True or False.
        """
        return True

    def receive(self, values: Mapping[str, Any]) -> Any:
        """Receive values that the starting server has posted, while `start` waits for them. May be a
        coroutine.

        Override it if `start` needs facts that only the server knows, such as a port that it has chosen.

        Args:
            values: all values that this launch has posted. They come from the server, which its user
                controls: validate them.
        """

    def time_left(self) -> float | None:
        """Return the seconds after which the backend ends the server that has just started.

        Override it for a backend with a time limit, such as that of a batch job. Users see the end of their
        server on their home page, and a warning before it.

        Returns:
            Seconds; None for never, or if it is unknown.
        """
        return None

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state that `get_state` returned, possibly in another process. Call ``super()``.

        Args:
            state: the state; not empty.
        """

    def get_state(self) -> dict[str, Any]:
        """Return what `poll` and `stop` need in a later process. Extend the result of ``super()``.

        Returns:
            A JSON-able dictionary.
        """
        return {}

    def clear_state(self) -> None:
        """Reset what belongs to a stopped server. Call ``super()``."""
        self.api_token = ""

    def rename(self, old_name: str, new_name: str) -> Any:
        """Prepare for a new name of a stopped named server. An exception refuses the name.

        Called on an instance that still has the old name. May be a coroutine; must be repeatable.

        Args:
            old_name: current name of the server.
            new_name: future name of the server.
        """

    def delete_forever(self) -> Any:
        """Clean up after a stopped server that is deleted, such as volumes that are kept when it stops.

        May be a coroutine; must be repeatable. An exception is logged and does not prevent the deletion.
        """

    # ---- may be extended

    async def create_certs(self) -> dict[str, str]:
        """Create a new key and certificate for the server before each start (``JupyterHub.internal_ssl``).

        Returns:
            Paths on the machine of the hub: ``keyfile``, ``certfile`` and ``cafile``.
        """
        names = self.ssl_alt_names
        given: Iterable[str] = await call(self.plugin, names, self) if callable(names) else names
        local = LOCAL_NAMES if self.ssl_alt_names_include_local else ()
        return await create_certificate(
            CertificateRequest(
                plugin=self.plugin,
                folder=Path(self.internal_certs_location),
                username=self.user.name,
                server=self.name,
                alt_names=[*(given or ()), *local],
            )
        )

    def move_certs(self, paths: dict[str, str]) -> Any:
        """Move the files to where only the server can read them. May be a coroutine.

        Args:
            paths: result of `create_certs`.

        Returns:
            Paths as the server sees them, with the same keys, for `cert_paths`.
        """
        return paths

    def get_env(self) -> dict[str, str]:
        """Return all environment variables of the server. Extend the result of ``super()``.

        Returns:
            The variables. They contain the server's token: never log them or pass them on a command line.
        """
        if self.env:
            self.log.warning(
                "%s.env is deprecated (it sets %s): use Spawner.environment, or extend get_env",
                type(self).__name__,
                ", ".join(sorted(self.env)),
            )
        return build_environment(
            EnvironmentFacts(
                record=self.record,
                env_keep=self.env_keep,
                bind_url=self.bind_url,
                api_token=self.api_token,
                hub_connect_url=self.hub_connect_url,
                hub_api_url=self.hub.api_url,
                escaped_username=self.user.escaped_name,
                cert_paths=self.cert_paths,
                mem_limit=self.mem_limit,
                mem_guarantee=self.mem_guarantee,
                cpu_limit=self.cpu_limit,
                cpu_guarantee=self.cpu_guarantee,
                root_dir=self.format_string(self.notebook_dir),
                default_url=self.format_string(self.default_url),
                debug=self.debug,
                disable_user_config=self.disable_user_config,
                deprecated=self.env,
                configured={n: v(self) if callable(v) else v for n, v in self.environment.items()},
            )
        )

    def get_args(self) -> list[str]:
        """Return the arguments for Spawner.cmd. The hub passes its own facts as environment variables.

        Returns:
            The arguments.
        """
        seconds = self.hub_auth_cache_seconds
        return [*self.args, *([f"--HubAuth.cache_max_age={seconds}"] if seconds else [])]

    def load_user_options(self, user_options: dict[str, Any]) -> Any:
        """Apply the options that the user chose, before each start. May be a coroutine.

        Options come from the user, and not only through the form: validate them. A ValueError rejects them,
        and its text is shown to the user.

        Args:
            user_options: the options, as in ``self.user_options``.
        """

    async def get_options_form(self) -> str:
        """Return the form in which the user chooses start options.

        Returns:
            HTML; empty for no form.
        """
        form = self.options_form
        return str(await call(self.plugin, form, self) or "") if callable(form) else form

    def options_from_query(self, query: Mapping[str, Sequence[Any]]) -> Any:
        """Convert the query of a start page's URL to options; by default like a form.

        Args:
            query: lists of strings by name.

        Returns:
            The options.
        """
        return reader_of(self)(query)

    async def progress(self) -> AsyncIterator[Mapping[str, Any]]:
        """Report the progress of a start.

        Yields:
            Dictionaries with ``message``, and optionally ``progress`` (per cent) and ``html_message``.
        """
        yield {"progress": 50, "message": "The server is starting"}

    def logs(self, lines: int) -> Sequence[str]:
        """Return the last lines of the server's output. May be a coroutine.

        Called about once a second while users follow the log.

        Args:
            lines: maximum number of lines.

        Returns:
            The lines, oldest first.
        """
        del lines
        return ()

    def usage(self) -> Usage | None:
        """Measure the resources that the running server uses. May be a coroutine.

        Returns:
            What is known without effort, see `plughub.kinds.Usage`; None if nothing is known.
        """
        return None

    def diagnose(self) -> Diagnosis | str | None:
        """Explain why a server does not respond, or why it stopped. May be a coroutine.

        Returns:
            A sentence for the user, or a `Diagnosis` with details for administrators; None if there is no
            explanation.
        """
        return None

    def inventory(self, mark: str) -> Iterable[Found] | None:
        """List everything that runs with the hub's mark, for all users. May be a coroutine.

        Called on an instance that belongs to no server.

        Args:
            mark: mark of the hub.

        Returns:
            What runs; None if this spawner cannot list it.
        """
        del mark
        return None

    def watch(self, mark: str) -> AsyncIterator[str] | None:
        """Report servers that have stopped or moved, so that the hub polls them at once.

        Called on an instance that belongs to no server.

        Args:
            mark: mark of the hub.

        Returns:
            An asynchronous iterator of the operations that launched them; None if this spawner cannot watch.
        """
        del mark
        return None

    @property
    def is_watched(self) -> bool:
        """Return whether `watch` reports the end of this server, and other processes at its address.

        The second may take ``poll_interval``. The hub polls such a server ten times less often.
        """
        return False

    async def get_url(self) -> str:
        """Return the URL of the running server."""
        return self.server.url

    def availability(self) -> Diagnosis | str | None:
        """Check whether servers can be started at present, for the start page. May be a coroutine.

        Override it if that depends on something that may be down, such as the engine that runs containers.
        Called on an instance that belongs to no server.

        Returns:
            None if they can; else a sentence for users, or a `Diagnosis` with details for administrators.
        """
        return None

    # ---- helpers for subclasses

    @property
    def own_options(self) -> dict[str, Any]:
        """Options of the user without those that belong to the chosen profile."""
        return {name: one for name, one in self.user_options.items() if name not in self.profile_options}

    @property
    def url(self) -> str:
        """URL of the server."""
        return self.server.url

    @property
    def bind_url(self) -> str:
        """``http://address:port`` for the server to listen on; an empty address means all interfaces."""
        port = self.port or self.server.port
        return f"{self.server.proto}://{host_in_url(self.ip)}:{port}"

    @property
    def proxy_spec(self) -> str:
        """Path prefix of the server."""
        return self.server.base_url

    def template_namespace(self) -> dict[str, Any]:
        """Return the values for placeholders in settings such as Spawner.notebook_dir. Extend it in a
        subclass.
        """
        return {"username": self.user.name, "servername": self.name, "base_url": self.server.base_url}

    def format_string(self, text: str) -> str:
        """Replace placeholders such as ``{username}``.

        Args:
            text: a format string.

        Returns:
            The result.
        """
        return text.format(**self.template_namespace())

    async def in_thread(self, function: Function[..., T], *args: Any) -> T:
        """Run a blocking function in a thread of the plugin.

        Args:
            function: the function.
            args: its arguments.

        Returns:
            Its result.
        """
        answer: T = await call(self.plugin, function, *args)
        return answer
