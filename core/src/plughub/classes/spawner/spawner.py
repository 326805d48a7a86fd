"""The base class of spawners that are written as classes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from collections.abc import Callable as Function
from typing import Any, ClassVar, Final, TypeVar

from plughub.classes.spawner.certificates import create_certificate
from plughub.classes.spawner.environment import build_environment
from plughub.classes.spawner.options import reader_of
from plughub.classes.spawner.settings import SpawnerSettings
from plughub.classes.user_code import call
from plughub.domain.backoff import Backoff
from plughub.domain.urls import host_in_url
from plughub.kinds import Diagnosis, Found, Moved

T = TypeVar("T")
DEATH_BACKOFF: Final = Backoff(first=0.01, longest=0.2, factor=1.5)


class Spawner(SpawnerSettings):
    """Starts, watches and stops servers. Subclass it and write `start`, `stop` and `poll`.

    The methods may be ``async def``, coroutines of tornado, or plain ``def``: these run in a thread and
    may block. An instance belongs to one server, but it is a cache only: after a restart of the hub, or in
    another process of it, a new instance is made and given what `get_state` answered. Whatever `poll`
    and `stop` need therefore belongs into the state.

    Attributes:
        label: what a user reads when she chooses among spawners.
        host_bound: the servers live on the machine of the hub that started them.
    """

    label: ClassVar[str] = ""
    host_bound: ClassVar[bool] = False

    # ---- to write in a subclass

    async def start(self) -> Any:
        """Start the server; it need not answer yet.

        Returns:
            Its address as a URL, as ``(ip, port)``, or as a port; or None after setting ``self.server``.

        Raises:
            SpawnFailed: it cannot start, for a reason that the user should read.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method start")

    async def stop(self, now: bool = False) -> None:
        """Stop the server and come back when it is gone. Stopping what is gone already is no error.

        Args:
            now: do not wait for a gentle end.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method stop")

    async def poll(self) -> int | Moved | None:
        """Look whether the server runs. An exception means unknown, and unknown is not stopped.

        A server that listens at another address than ``self.server`` says is reported in one of two ways:
        change ``self.server`` and return None, or return a `plughub.kinds.Moved`, which can also say that
        the server has no address at present. The hub records the address and moves the route.

        Returns:
            None when it runs, else its exit code (0 when not known).
        """
        raise NotImplementedError(f"{type(self).__name__} has no method poll")

    def verify_address(self) -> Any:
        """Say whether what listens at ``self.server`` is the server that was launched. May be a coroutine.

        Override it where anything else could listen at the address, as on a machine that servers share
        with their users. The hub then adds no route to a foreign process. A class without its own method
        is trusted. An exception means unknown; see `plughub.hookspecs.hub_verify_address`.

        Returns:
            True or False.
        """
        return True

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_state` answered, perhaps in another process. Call ``super()``.

        Args:
            state: the state, not empty.
        """

    def get_state(self) -> dict[str, Any]:
        """Say what has to be saved for `poll` and `stop`. Extend the answer of ``super()``.

        Returns:
            A JSON-able dictionary.
        """
        return {}

    def clear_state(self) -> None:
        """Forget what belongs to a server that has stopped. Call ``super()``."""
        self.api_token = ""

    def rename(self, old_name: str, new_name: str) -> Any:
        """Follow a named server that gets another name; it is stopped. An exception refuses the name.

        Called on an instance that still has the old name. May be a coroutine; must be repeatable.

        Args:
            old_name: the name that it has.
            new_name: the name that it gets.
        """

    def delete_forever(self) -> Any:
        """Clean up after a server that is deleted, such as volumes that outlived its stops; it is stopped.

        May be a coroutine; must be repeatable. An exception is logged and keeps nothing.
        """

    # ---- may be extended

    async def create_certs(self) -> dict[str, str]:
        """Make key and certificate of the server anew, before each start (``JupyterHub.internal_ssl``).

        Returns:
            Paths on the machine of the hub: ``keyfile``, ``certfile`` and ``cafile``.
        """
        return await create_certificate(self)

    def move_certs(self, paths: dict[str, str]) -> Any:
        """Bring the files to where the server can read them, and nobody else; may be ``async def`` too.

        Args:
            paths: what `create_certs` answered.

        Returns:
            Paths as the server sees them, under the same keys; `cert_paths` gets them.
        """
        return paths

    def get_env(self) -> dict[str, str]:
        """Get the whole environment of the server; a subclass extends the answer of ``super()``.

        Returns:
            The variables. They hold the server's token: they belong in no log and no command line.
        """
        return build_environment(self)

    def get_args(self) -> list[str]:
        """Get the arguments after Spawner.cmd; the hub's own facts go by the environment.

        Returns:
            The arguments.
        """
        seconds = self.hub_auth_cache_seconds
        return [*self.args, *([f"--HubAuth.cache_max_age={seconds}"] if seconds else [])]

    async def get_options_form(self) -> str:
        """Get the form in which the user chooses how to start.

        Returns:
            HTML, empty for no form.
        """
        form = self.options_form
        return str(await call(self.plugin, form, self) or "") if callable(form) else form

    def options_from_query(self, query: Mapping[str, Sequence[Any]]) -> Any:
        """Turn the query of a start page's address into options; by default like the form.

        Args:
            query: lists of texts by name.

        Returns:
            The options.
        """
        return reader_of(self)(query)

    async def progress(self) -> AsyncIterator[Mapping[str, Any]]:
        """Report what happens while the server starts.

        Yields:
            Dictionaries with ``message``, and where wanted ``progress`` (per cent) and ``html_message``.
        """
        yield {"progress": 50, "message": "The server is starting"}

    def logs(self, lines: int) -> Sequence[str]:
        """Give the last lines that the server wrote; may be ``async def`` too.

        Args:
            lines: how many at most.

        Returns:
            The lines, oldest first.
        """
        del lines
        return ()

    def diagnose(self) -> Diagnosis | str | None:
        """Say why a server does not answer, or why it ended; may be ``async def`` too.

        Returns:
            A sentence for the user, or a `Diagnosis` with more for administrators.
        """
        return None

    def inventory(self, mark: str) -> Iterable[Found] | None:
        """List what runs under the hub's mark, of all users; may be ``async def`` too.

        Called on an instance that belongs to no server.

        Args:
            mark: the hub's mark.

        Returns:
            What runs; None when this spawner cannot tell.
        """
        del mark
        return None

    def watch(self, mark: str) -> AsyncIterator[str] | None:
        """Report servers that have ended or moved, as it happens, so that they are polled at once.

        Called on an instance that belongs to no server.

        Args:
            mark: the hub's mark.

        Returns:
            An asynchronous iterator over the operations that launched them; None when this spawner cannot
            tell.
        """
        del mark
        return None

    async def get_url(self) -> str:
        """Get the address of the running server."""
        return self.server.url

    # ---- help for subclasses

    @property
    def url(self) -> str:
        """The address of the server."""
        return self.server.url

    @property
    def bind_url(self) -> str:
        """``http://address:port`` that the server has to listen on; an empty address means all interfaces."""
        port = self.port or self.server.port
        return f"{self.server.proto}://{host_in_url(self.ip)}:{port}"

    @property
    def proxy_spec(self) -> str:
        """Path below which the server is reached."""
        return self.server.base_url

    def template_namespace(self) -> dict[str, Any]:
        """Name what may stand in braces in settings such as Spawner.notebook_dir; extend it in a subclass."""
        return {"username": self.user.name, "servername": self.name, "base_url": self.server.base_url}

    def format_string(self, text: str) -> str:
        """Fill in what stands in braces.

        Args:
            text: a format string.

        Returns:
            The text.
        """
        return text.format(**self.template_namespace())

    async def in_thread(self, function: Function[..., T], *args: Any) -> T:
        """Run a function that may block in a thread of the plugin.

        Args:
            function: what to run.
            args: its arguments.

        Returns:
            What it answers.
        """
        answer: T = await call(self.plugin, function, *args)
        return answer

    async def wait_for_death(self, timeout: float = 10) -> int | None:
        """Wait until `poll` says that the server is gone.

        Args:
            timeout: seconds.

        Returns:
            Its exit code; None when it still runs.
        """
        deadline = time.monotonic() + timeout
        for pause in DEATH_BACKOFF.pauses():
            code = await call(self.plugin, self.poll)
            if code is not None or time.monotonic() >= deadline:
                break
            await asyncio.sleep(pause)
        return None if code is None else int(code)
