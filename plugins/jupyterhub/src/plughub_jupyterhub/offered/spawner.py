"""Names of ``jupyterhub.spawner``."""

from __future__ import annotations

import logging
import os
import pwd
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, cast

from traitlets import Any as AnyTrait
from traitlets import default, observe

from plughub import spawner as plughub_spawner
from plughub.processes import ProcessIdentity
from plughub.utils import scrub
from plughub_jupyterhub.offered.time_limits import seconds_of
from plughub_jupyterhub.reflectors import drop_failed_reflectors

__all__ = ["Spawner", "set_user_setuid"]
MAX_PORT: Final = 65535


class SecretFilter(logging.Filter):
    """Filter that removes secrets from log messages, such as the environments that batchspawner logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the secrets in a message."""
        record.msg, record.args = scrub(record.getMessage()), ()
        return True


_secret_filter: Final = SecretFilter()


class SpawnerSession:
    """Database session of a spawner, which has nothing to store: the hub stores the state of spawners."""

    def commit(self) -> None:
        """Do nothing."""


class Spawner(plughub_spawner.Spawner):
    """``jupyterhub.spawner.Spawner``: what it has beyond the class of plughub."""

    own_event_loop = True
    polls_before_stop = True
    accepted_from_server: ClassVar[frozenset[str]] = frozenset({"port"})
    """Attributes that a starting server may set, by a call that a package adds, such as batchspawner's."""

    db = AnyTrait(SpawnerSession(), help="Database session whose commit does nothing.")

    def __init__(self, *args: Any, **settings: Any) -> None:
        drop_failed_reflectors(type(self))
        super().__init__(*args, **settings)

    async def poll_guarded(self, *, starting: bool) -> Any:
        """Poll, with reflectors that follow the cluster."""
        drop_failed_reflectors(type(self))
        return await super().poll_guarded(starting=starting)

    async def has_ended(self) -> bool:
        """Poll before a stop, with reflectors that follow the cluster."""
        drop_failed_reflectors(type(self))
        return await super().has_ended()

    def receive(self, values: Mapping[str, Any]) -> None:
        """Set the attributes that a starting server has posted; ignore those that are not accepted."""
        # The server's user has its token, and must not set what the hub executes, such as a command.
        if refused := sorted(values.keys() - self.accepted_from_server):
            self.log.warning("%s: ignoring posted attributes: %s", self._log_name, ", ".join(refused))
        for name in sorted(values.keys() & self.accepted_from_server):
            if name == "port" and not _is_port(values[name]):
                self.log.warning("%s: the server has posted an invalid port", self._log_name)
            elif hasattr(self, name):
                setattr(self, name, values[name])

    @default("log")
    def _default_log_without_secrets(self) -> logging.Logger:
        log = logging.getLogger(f"plughub.spawner.{self.plugin}")
        log.addFilter(_secret_filter)
        return log

    def verify_address(self) -> Any:
        """Check which process listens at the address; a spawner that wraps another one asks that one."""
        return self._wrapped.verify_address() if self._wrapped else super().verify_address()

    def logs(self, lines: int) -> Any:
        """Return the last lines of the server's output; a spawner that wraps another one asks that one."""
        return self._wrapped.logs(lines) if self._wrapped else super().logs(lines)

    def usage(self) -> Any:
        """Measure what the server uses; a spawner that wraps another one asks that one."""
        return self._wrapped.usage() if self._wrapped else super().usage()

    def time_left(self) -> float | None:
        """Return the seconds after which the backend ends the server: the time limit of a batch job."""
        if self._wrapped:
            return cast("float | None", self._wrapped.time_left())
        return super().time_left() or seconds_of(getattr(self, "req_runtime", None))

    def diagnose(self) -> Any:
        """Explain why a server does not respond; a spawner that wraps another one asks that one."""
        return self._wrapped.diagnose() if self._wrapped else super().diagnose()

    @property
    def _wrapped(self) -> Any:
        """Spawner that WrapSpawner wraps; None for any other."""
        return getattr(self, "child_spawner", None)

    @property
    def _server(self) -> Any:
        """Address of the server, which wrapping spawners pass on."""
        return self.server

    @property
    def _log_name(self) -> str:
        return f"{self.user.name}:{self.name}" if self.name else self.user.name


def set_user_setuid(username: str, chdir: bool = True) -> Callable[[], None]:
    """Return a function for ``preexec_fn`` that makes a process a system user.

    Args:
        username: login name.
        chdir: change to the home folder, if that is possible.
    """
    account = pwd.getpwnam(username)
    groups = os.getgrouplist(username, account.pw_gid)

    def become() -> None:
        os.setgid(account.pw_gid)
        os.setgroups(groups)
        os.setuid(account.pw_uid)
        if chdir:
            os.chdir(account.pw_dir if os.access(account.pw_dir, os.X_OK) else "/")

    return become


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_PORT


try:
    _LocalProcess: Any = plughub_spawner.LocalProcessSpawner  # type: ignore[attr-defined]
    _SimpleProcess: Any = plughub_spawner.SimpleLocalProcessSpawner  # type: ignore[attr-defined]
except ImportError:  # plughub-localprocess is not installed
    pass
else:

    class LocalProcessSpawner(_LocalProcess, Spawner):  # type: ignore[misc]
        """``jupyterhub.spawner.LocalProcessSpawner``.

        A subclass that overrides ``_signal``, as ``SudoSpawner`` does, launches and signals its processes by
        itself. The hub may then be a user without rights over them.
        """

        polls_before_stop = False  # ``stop`` also ends what an interrupted start has left

        async def _signal(self, number: int) -> bool:
            """Send a signal to the server, and return whether its process exists."""
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return False
            return True

        async def stop(self, now: bool = False) -> None:
            """Stop the server."""
            if not self._signals_itself:
                await super().stop(now)
                return
            for number, seconds in self._steps(now):
                if await self.poll() is not None:
                    return
                await self._signal(number)
                if await self.wait_for_death(seconds) is not None:
                    return
            raise RuntimeError(f"process {self.pid} of {self._log_name} does not end")

        def inventory(self, mark: str) -> Any:
            """List the servers; None if the class launches them by itself, so that they may be unreadable."""
            return None if self._signals_itself else super().inventory(mark)

        @property
        def _signals_itself(self) -> bool:
            return type(self)._signal is not LocalProcessSpawner._signal  # noqa: SLF001 - JupyterHub's name

        @observe("pid")
        def _identify_process(self, change: Mapping[str, Any]) -> None:
            # A subclass that launches the process sets the pid only. Whether the process has the marks of
            # its launch is unknown to a hub that may not read its environment.
            found = ProcessIdentity.of(change["new"]) if change["new"] else None
            self.started = found.started if found else ""

    class SimpleLocalProcessSpawner(LocalProcessSpawner, _SimpleProcess):  # type: ignore[misc]
        """``jupyterhub.spawner.SimpleLocalProcessSpawner``."""

    __all__ += ["LocalProcessSpawner", "SimpleLocalProcessSpawner"]
