"""Spawner for servers that run as processes of the system users."""

from __future__ import annotations

import functools
import logging
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from traitlets import Bool, Dict, Float, Instance, Integer, TraitError, Unicode, default, validate

from plughub.processes import ProcessIdentity, shown_command
from plughub.spawner import Diagnosis, Found, Spawner, SpawnFailed, Usage
from plughub.traitlets import ByteSpecification, Command
from plughub_localprocess.accounts import (
    Account,
    check_permission_to_switch,
    find_account,
    refuse_system_account,
)
from plughub_localprocess.address_guard import GuardedServer, sockets_at
from plughub_localprocess.certificates import write_certificates
from plughub_localprocess.children import CHILDREN
from plughub_localprocess.command_check import check_command
from plughub_localprocess.diagnosis import diagnose
from plughub_localprocess.exit_watch import watch_of
from plughub_localprocess.groups import ProcessGroup, has_marks
from plughub_localprocess.inventory import find_servers, state_of
from plughub_localprocess.launch_errors import SINGLEUSER, find_command
from plughub_localprocess.launcher import become_user, enter
from plughub_localprocess.listener_check import describe_listeners, server_listens
from plughub_localprocess.logfile import LogFile, log_path
from plughub_localprocess.paths import RUNTIME_DIRS
from plughub_localprocess.ports import choose_port
from plughub_localprocess.process_launch import RESERVED_ARGUMENTS, LaunchRequest, launch
from plughub_localprocess.process_stop import Step, end_group
from plughub_localprocess.process_usage import measure

_WATCHING = ("poll", "verify_address", "watch")
"""Methods that a watch replaces, unless a subclass overrides them."""


def _is_watched(spawner: LocalProcessSpawner) -> bool:
    """Return whether the watch of a process replaces its polls; not if a subclass has its own."""
    own = all(getattr(type(spawner), name) is getattr(LocalProcessSpawner, name) for name in _WATCHING)
    return own and bool(spawner.pid) and watch_of(spawner.plugin).reports(spawner._identity)  # noqa: SLF001


def _check_command(spawner: LocalProcessSpawner) -> Diagnosis | None:
    """Return why the command of the servers cannot be run, as far as that depends on no user."""
    is_ours = type(spawner).start is LocalProcessSpawner.start
    return check_command(spawner, own_accounts=spawner.own_accounts) if is_ours else None


class LocalProcessSpawner(Spawner):
    """Spawner that runs each server as a process of its user's system account, on the hub's machine."""

    label: ClassVar[str] = "This machine"
    host_bound: ClassVar[bool] = True
    own_accounts: ClassVar[bool] = True
    """Whether each server runs as the system account of its user."""
    is_watched = property(_is_watched)
    availability = _check_command

    shell_cmd = Command(
        minlen=0,
        help="Shell to which the command is passed as a single argument, such as ['bash', '-l', '-c'] for "
        "a login shell. The startup files of the user's shell can then change what is run.",
    ).tag(config=True)
    popen_kwargs: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Additional arguments of subprocess.Popen for the launcher of the server."
    ).tag(config=True)
    interrupt_timeout = Float(30, help="Seconds to wait after SIGINT before SIGTERM.").tag(config=True)
    term_timeout = Float(30, help="Seconds to wait after SIGTERM before SIGKILL.").tag(config=True)
    kill_timeout = Float(5, help="Seconds to wait after SIGKILL before the stop fails.").tag(config=True)
    pam_session = Bool(
        False,
        help="Open a PAM session for each server, and close it when the server ends. Requires root and the "
        "extra 'pam'.",
    ).tag(config=True)
    pam_service = Unicode("login", help="PAM service for LocalProcessSpawner.pam_session.").tag(config=True)
    create_system_users = Bool(
        False, help="Create a missing system account when its user starts a server. Requires root."
    ).tag(config=True)
    log_limit = ByteSpecification(
        1024 * 1024,
        help="Maximum size of a server's log in bytes. When a log exceeds it, the older half is dropped.",
    ).tag(config=True)

    proc = Instance(subprocess.Popen, allow_none=True, help="The process, if this hub process launched it.")
    pid = Integer(0, help="Process id; 0 if there is none.")
    started = Unicode(help="Start time of the process.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._launching = threading.Lock()
        self._has_own_log = False
        self._was_listening = True

    # ---- the hub's calls

    async def start(self) -> tuple[str, int]:
        """Start the server.

        Returns:
            Host and port on which the server listens, or soon will.

        Raises:
            SpawnFailed: the server cannot be started.
        """
        return await self.in_thread(self._start)

    async def poll(self) -> int | None:
        """Return None while the process runs, else its exit code.

        Returns:
            The exit code is negative for a signal, and 0 if unknown.
        """
        # On the event loop during a start, when the log is short: /proc does not block, a thread costs more.
        if self._is_awaited and self.pid and self.started and self._is_running():
            return None
        return await self.in_thread(self._poll)

    async def verify_address(self) -> bool:
        """Return whether this server's processes, and no others, listen at its address.

        Raises:
            PermissionError: the hub cannot find out.
        """
        # Another user's process that took the port first would receive cookies and files of the visitors.
        return await self.in_thread(self._verify_address)

    async def stop(self, now: bool = False) -> None:
        """Terminate the process group, including processes left by an interrupted start.

        Args:
            now: kill at once.

        Raises:
            StopFailedError: a process does not end.
        """
        is_known = self.pid and self.started and self.record.operation in {"", self.operation}
        groups = [] if not is_known or self._launching.locked() else self._groups()
        for group in groups or await self.in_thread(self._groups):
            await end_group(group, self._steps(now), self.in_thread)

    def watch(self, mark: str) -> AsyncIterator[str]:
        """Report the servers whose process has ended."""
        del mark
        return watch_of(self.plugin).ended()

    def logs(self, lines: int) -> Sequence[str]:
        """Return the last lines of this start's standard output and error."""
        # The file is named after user and server. Until this start has overwritten it, it may contain the
        # lines of an earlier user with these names.
        log = self._log()
        if log is None or not (self.pid or self._has_own_log):
            return ()
        log.shrink()
        return log.tail(lines)

    def usage(self) -> Usage | None:
        """Return the CPU time and memory of the server's processes, with the limits of the settings."""
        return measure(self._identity, self.cpu_limit, self.mem_limit) if self.pid else None

    def diagnose(self) -> Diagnosis | str | None:
        """Return why the server does not answer."""
        port = self.server.port or self.port
        code = self._poll()
        foreign = describe_listeners(self.server.host) if code is None and port else ""
        if foreign and not self._verify_address():
            return f"port {port} is used by a process of {foreign}, not by the server"
        return diagnose(self.pid, port, code)

    def delete_forever(self) -> None:
        """Delete the log file of a server that is deleted."""
        if log := self._log():
            log.path.unlink(missing_ok=True)

    def inventory(self, mark: str) -> Iterable[Found] | None:
        """List this plugin's servers that run on this machine under the hub's mark."""
        return find_servers(mark, self.plugin, own_accounts=self.own_accounts)

    # ---- state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load the identity of the process."""
        super().load_state(state)
        self.pid = int(state.get("pid", 0))
        self.started = _in_order(str(state.get("started", "")))
        self.operation = str(state.get("operation", self.operation))

    def get_state(self) -> dict[str, Any]:
        """Return the state with the identity of the process."""
        state = super().get_state()
        if self.pid:
            state |= state_of(self._identity, self.operation)
        return state

    def clear_state(self) -> None:
        """Clear the identity of the process."""
        super().clear_state()
        self.pid, self.started, self.proc = 0, "", None

    # ---- what is started

    def move_certs(self, paths: dict[str, str]) -> dict[str, str]:
        """Write key and certificate into ``~/.jupyterhub/jupyterhub-certs``, readable by the server's user
        only.
        """
        return write_certificates(paths, self.folder(), self.switch_to())

    def get_env(self) -> dict[str, str]:
        """Return the environment: the hub's, then the login's, then ``Spawner.environment``."""
        env = super().get_env()
        configured = {name: env[name] for name in self.environment if name in env}
        env = {**self.user_env(dict(env)), **configured}
        root = env.get("JUPYTERHUB_ROOT_DIR", "")
        if root == "~" or root.startswith("~/"):
            env["JUPYTERHUB_ROOT_DIR"] = env["HOME"] + root[1:]
        return env

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add the variables that a login sets.

        Args:
            env: environment so far.
        """
        account = self.account
        login = {"USER": account.name, "LOGNAME": account.name, "HOME": account.home, "SHELL": account.shell}
        return {**env, **login}

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Return a function that makes a process a system user permanently, in the home folder.

        The hub itself does not call it, because a process with threads must not run Python between fork and
        exec: its
        launcher does the same. It is for subclasses that start programs themselves.

        Args:
            name: login name.

        Returns:
            The function; it raises an error when the system refuses.
        """
        account = find_account(name)
        numbers = {"uid": account.uid, "gid": account.gid, "groups": account.groups}

        def become() -> None:
            if os.geteuid() == 0:
                become_user(numbers)
            enter(account.home)

        return become

    @property
    def account(self) -> Account:
        """System account of this server's user."""
        return find_account(self.user.name, create=self.create_system_users)

    def folder(self) -> str:
        """Return the working directory of the server."""
        return self.account.home

    def switch_to(self) -> Account | None:
        """Return the system account to switch to; None to stay the hub's user.

        Raises:
            SpawnFailed: the hub may not switch to the user, or it is a system account.
        """
        account = self.account
        refuse_system_account(account, self.config)
        check_permission_to_switch(account)
        return account if os.geteuid() == 0 else None

    # ---- in a thread

    def _start(self) -> tuple[str, int]:
        with self._launching:
            return self._launch()

    def _launch(self) -> tuple[str, int]:
        switch, folder = self.switch_to(), self.folder()
        _check_pam(self.pam_session)
        self.port = choose_port(self.ip, self.port)
        self.server.port = self.port
        environment = self.get_env()
        request = LaunchRequest(
            argv=self._command(environment),
            environment=environment,
            folder=folder,
            account=switch,
            leader=self.plugin,
            username=self.user.name,
            pam_service=self.pam_service if self.pam_session else "",
        )
        self.log.info(
            "Starting %s on port %d: %s", self.record.full_name, self.port, shown_command(request.argv)
        )
        output = self._open_log()
        try:
            launched = launch(request, output, self.start_timeout, self.popen_kwargs)
        finally:
            os.close(output)
        self.proc = launched.child
        self.pid, self.started = launched.identity.pid, launched.identity.started
        return self.ip or "127.0.0.1", self.port

    def _poll(self) -> int | None:
        if log := self._log():
            log.shrink()
        if not self.pid:
            return 0
        if self._is_running():
            return None
        return CHILDREN.exit_code(self._identity) or 0

    def _is_running(self) -> bool:
        running = self._identity.is_running()
        if running and self.operation:
            watch_of(self.plugin).add(self._identity, self.operation)
        return running

    def _verify_address(self) -> bool:
        if not self.pid:
            return _starts_something_else(type(self))
        uid = find_account(self.user.name).uid if self.own_accounts else None
        sockets = sockets_at(self.server.host)  # before they are verified
        listens = server_listens(self.server.host, self._identity, self._marks, uid=uid)
        if listens and sockets:
            server = GuardedServer(self.operation, self.server.host, sockets, self._log())
            watch_of(self.plugin).guard(self._identity, server, self.poll_interval)
        if self._was_listening and not listens:
            holder = describe_listeners(self.server.host) or "no process"
            self.log.warning("%s: %s listens at %s", self.record.full_name, holder, self.server.host)
        self._was_listening = listens
        return listens

    def _groups(self) -> list[ProcessGroup]:
        """Return the groups to end: that of the recorded process, and those of an interrupted start."""
        with self._launching:  # waits for an abandoned start that still runs in its thread
            recorded = [ProcessGroup(self._identity, self._marks)] if self.pid else []
            wanted = self.record.operation
            if not wanted or (self.pid and wanted == self.operation):
                return recorded
        states = [found.state for found in self.inventory(self.mark) or () if found.operation == wanted]
        leaders = (ProcessIdentity(state["pid"], state["started"]) for state in states)
        return recorded + [ProcessGroup(leader, {"PLUGHUB_OPERATION": wanted}) for leader in leaders]

    @property
    def _marks(self) -> dict[str, str]:
        if self.operation:
            return {"PLUGHUB_OPERATION": self.operation}
        return {"JUPYTERHUB_USER": self.user.name, "JUPYTERHUB_SERVER_NAME": self.name}

    @property
    def _identity(self) -> ProcessIdentity:
        """Identity of the process."""
        # The state of JupyterHub has no start time: the process must then have the expected environment.
        if not self.started:
            found = ProcessIdentity.of(self.pid)
            self.started = found.started if found and has_marks(self.pid, self._marks) else "gone"
        return ProcessIdentity(self.pid, self.started)

    def _steps(self, now: bool) -> list[Step]:
        graceful = [(signal.SIGINT, self.interrupt_timeout), (signal.SIGTERM, self.term_timeout)]
        return [*([] if now else graceful), (signal.SIGKILL, self.kill_timeout)]

    def _command(self, environment: Mapping[str, str]) -> list[str]:
        arguments = [*self.cmd[1:], *self.get_args()]
        if self._runs_as_root() and Path(self.cmd[0]).name == SINGLEUSER and "--allow-root" not in arguments:
            arguments.append("--allow-root")
        path = environment.get("PATH", os.defpath)
        command = [find_command(self.cmd[0], path, "Spawner.cmd"), *arguments]
        if not self.shell_cmd:
            return command
        shell = find_command(self.shell_cmd[0], path, "LocalProcessSpawner.shell_cmd")
        return [shell, *self.shell_cmd[1:], shlex.join(command)]

    def _runs_as_root(self) -> bool:
        switch = self.switch_to()
        return (switch.uid if switch else os.geteuid()) == 0

    def _log(self) -> LogFile | None:
        folder = self.runtime_dir or RUNTIME_DIRS.get(self.plugin)
        path = log_path(Path(folder), self.user.name, self.name) if folder is not None else None
        return LogFile(path, self.log_limit) if path is not None else None

    def _open_log(self) -> int:
        log, self._has_own_log = self._log(), True
        return os.open(os.devnull, os.O_WRONLY) if log is None else log.open_new()

    # ---- settings

    @default("env_keep")
    def _default_env_keep(self) -> list[str]:
        return [
            "CONDA_DEFAULT_ENV",
            "CONDA_ROOT",
            "JUPYTERHUB_SINGLEUSER_APP",
            "LANG",
            "LC_ALL",
            "LD_LIBRARY_PATH",
            "PATH",
            "PYTHONPATH",
            "VIRTUAL_ENV",
        ]

    @validate("popen_kwargs")
    def _check_popen_kwargs(self, proposal: Mapping[str, Any]) -> Any:
        if taken := sorted(RESERVED_ARGUMENTS & set(proposal["value"])):
            raise TraitError(f"LocalProcessSpawner.popen_kwargs must not set {', '.join(taken)}")
        return proposal["value"]


def _check_pam(session: bool) -> None:
    if session and os.geteuid() != 0:
        raise SpawnFailed(
            "no PAM session can be opened",
            detail="LocalProcessSpawner.pam_session requires a hub that runs as root",
            retry=False,
        )


@functools.lru_cache(maxsize=64)
def _starts_something_else(cls: type[LocalProcessSpawner]) -> bool:
    """Return whether a subclass starts its servers by other means, and warn once: it is trusted."""
    if cls.start is LocalProcessSpawner.start:
        return False
    logging.getLogger("plughub.spawner").warning(
        "%s.start launches no process of this spawner, so the hub cannot verify what listens at the "
        "addresses of its servers: implement verify_address",
        cls.__name__,
    )
    return True


def _in_order(started: str) -> str:
    """Return the start of a process as `ProcessIdentity` writes it; earlier states have the boot first."""
    boot, slash, ticks = started.partition("/")
    return f"{ticks}@{boot}" if slash else started
