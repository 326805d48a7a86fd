"""A real hub in a process of its own, for tests from outside."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from plughub.domain.unix_sockets import unix_socket_path
from plughub.testing.ports import free_port
from plughub.testing.quick import starts

_CONFIG_FILE: Final = "jupyterhub_config.py"
_LAST_PORT: Final = 65535
_LOOK: Final = 0.02
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 60.0
_GONE_SECONDS: Final = 10.0
_RUNNING: Final = re.compile(r"^hub: running at (\S+)$", re.MULTILINE)
OPENED_BY_USER: Final = {
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-User": "?1",
}
"""What a browser sends when its user opens a link from elsewhere than a page."""
_LINK: Final = re.compile(r"^hub: log in once with this link.*: (\S+)$", re.MULTILINE)
_OWN_VARIABLES: Final = ("JUPYTERHUB_", "JPY_", "PLUGHUB_")


@starts
class HubProcess:
    """The command ``hub``, started in a folder with two free ports.

    ::

        with HubProcess(tmp_path, "--plugins", "simple,dummy") as hub:
            assert hub.url

    Entering the block starts the hub. Leaving it stops a running hub and asserts that no process remains;
    if the hub was stopped or killed inside the block, remaining processes are ended silently. A stopped or
    killed hub can be started again, on the same ports.

    Args:
        folder: working directory of the hub, for its files; created when missing.
        arguments: of the command line. Ports are added unless ``--JupyterHub.port=`` and
            ``--JupyterHub.hub_port=`` are among them.
        config: text of the config file; empty for none. Unless it or an argument sets `SystemAccounts`, a hub
            that runs as root may start notebook servers as root, because CI machines often have root alone.
        env: further environment variables.
        name: of its log files, for another process of a hub in the same folder.
        python: the interpreter that has plughub and the plugins; empty for the present one.
        user: system user that runs the hub; None for that of this process.
    """

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        config: str = "",
        env: Mapping[str, str] | None = None,
        name: str = "hub",
        python: str = "",
        user: str | None = None,
    ) -> None:
        self.folder = folder
        self.user = user
        self.python = python or sys.executable
        self.port = _given("port", arguments) or free_port()
        self.hub_port = _given("hub_port", arguments) or free_port()
        self.arguments = arguments
        self.env = {**_own_environment(), **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._foreign_ports: set[int] = set()
        # A port that was free may occur in the environment of an older process, which another test has left.
        self._servers_since = 0.0 if _given("hub_port", arguments) else time.time() - 1
        self._stdout = folder / f"{name}-stdout.log"
        self._stderr = folder / f"{name}-stderr.log"
        folder.mkdir(parents=True, exist_ok=True)
        if config:
            (folder / _CONFIG_FILE).write_text(config)

    # ---- its output

    @property
    def stdout(self) -> str:
        """The standard output since the last start."""
        return self._stdout.read_text(errors="replace") if self._stdout.exists() else ""

    @property
    def stderr(self) -> str:
        """The standard error since the last start."""
        return self._stderr.read_text(errors="replace") if self._stderr.exists() else ""

    @property
    def output(self) -> str:
        """Standard output and standard error, for messages."""
        return f"--- stdout of hub\n{self.stdout}\n--- stderr of hub\n{self.stderr}"

    @property
    def url(self) -> str:
        """The address that the hub printed, with a slash at the end; empty before that."""
        found = _RUNNING.search(self.stdout)
        return found[1] if found else ""

    @property
    def hub_url(self) -> str:
        """Address of the hub's own listener behind the proxy, without a path."""
        return f"http://127.0.0.1:{self.hub_port}"

    @property
    def login_link(self) -> str:
        """The one-time login link that the hub printed; empty when it printed none."""
        found = _LINK.search(self.stdout)
        return found[1] if found else ""

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self.process.poll() if self.process else None

    @property
    def is_running(self) -> bool:
        """True while the hub's own process runs."""
        return self.process is not None and self.process.poll() is None

    # ---- life

    def start(self, timeout: float = _START_SECONDS) -> Self:
        """Start the hub and wait until it reports that it runs.

        Args:
            timeout: seconds.

        Returns:
            Itself.

        Raises:
            AssertionError: it ended, or did not report in time; with its output.
        """
        self._launch()
        ends = time.monotonic() + timeout
        while not self.url:
            if not self.is_running:
                raise AssertionError(f"hub ended with {self.exit_code}\n{self.output}")
            if time.monotonic() > ends:
                self.kill()
                raise AssertionError(f"hub did not run after {timeout} s\n{self.output}")
            time.sleep(_LOOK)
        return self

    def run(self, timeout: float = _START_SECONDS) -> int:
        """Start the hub and wait until it ends by itself: for commands and for failing starts.

        Args:
            timeout: seconds.

        Returns:
            The exit code.

        Raises:
            AssertionError: it did not end in time; with its output.
        """
        process = self._launch()
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hub did not end after {timeout} s\n{self.output}") from None

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout: float = _STOP_SECONDS) -> int:
        """Send a signal and wait until the hub has ended.

        Args:
            number: the signal.
            timeout: seconds.

        Returns:
            The exit code.

        Raises:
            AssertionError: it did not end in time; with its output.
        """
        if self.process is None:
            raise AssertionError("hub was not started")
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"hub did not stop within {timeout} s\n{self.output}") from None

    def kill(self) -> None:
        """Kill the hub's own process with SIGKILL; proxy and servers keep running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_GONE_SECONDS)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.end_everything()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.is_running:
                code = self.stop()
                if kind is None:
                    assert code == 0, f"hub ended with {code}\n{self.output}"
                    self.assert_nothing_left()
        finally:
            self.end_everything()

    # ---- its remaining processes

    def processes(self) -> list[psutil.Process]:
        """Return all processes of this hub: itself, proxy, servers and their children.

        They are recognised by the hub's folder as working directory or in an argument, or by the hub's
        address in their environment.

        Returns:
            The processes.
        """
        own = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
        return [
            process for process in psutil.process_iter() if process.pid not in own and self._is_ours(process)
        ]

    def assert_nothing_left(self, timeout: float = _GONE_SECONDS) -> None:
        """Assert that no process of this hub runs or listens on its ports.

        A port that was in use before the first start belongs to another program and is ignored.

        Args:
            timeout: seconds for the last processes to end.

        Raises:
            AssertionError: a process remains; with the hub's output.
        """
        ends = time.monotonic() + timeout
        while left := [*map(_title, self.processes()), *self._open_ports()]:
            if time.monotonic() > ends:
                raise AssertionError("\n".join(["left over:", *left, self.output]))
            time.sleep(_LOOK)

    def end_everything(self) -> None:
        """Kill all processes of this hub."""
        self.kill()
        ends = time.monotonic() + _GONE_SECONDS
        while (left := self.processes()) and time.monotonic() < ends:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=1)

    # ----

    def _launch(self) -> subprocess.Popen[bytes]:
        assert not self.is_running, "hub runs already"
        taken = {port for port in (self.port, self.hub_port) if is_open(port)}
        self._foreign_ports = set() if taken and self.processes() else taken
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                **self._switch(),
            )
        return self.process

    def _command(self) -> list[str]:
        return [self.python, "-m", "plughub", *self._ports(), *self._accounts(), *self.arguments]

    def _switch(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        group = pwd.getpwnam(self.user).pw_gid
        return {"user": self.user, "group": group, "extra_groups": []}

    def _ports(self) -> Iterator[str]:
        for name, port in (("port", self.port), ("hub_port", self.hub_port)):
            if _given(name, self.arguments) is None:
                yield f"--JupyterHub.{name}={port}"

    def _accounts(self) -> Iterator[str]:
        file = self.folder / _CONFIG_FILE
        given = [*self.arguments, file.read_text() if file.exists() else ""]
        if self.user is None and os.geteuid() == 0 and not any("SystemAccounts" in text for text in given):
            yield "--SystemAccounts.allowed={'root'}"

    def _open_ports(self) -> Iterator[str]:
        for port in {self.port, self.hub_port} - self._foreign_ports:
            if is_open(port):
                yield f"a listener on port {port}"

    def _is_ours(self, process: psutil.Process) -> bool:
        folder = str(self.folder)
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if any(folder in argument for argument in process.cmdline()):
                return True
            works_in = Path(process.cwd())
            if works_in == self.folder or self.folder in works_in.parents:
                return True
            hub = process.environ().get("JUPYTERHUB_API_URL", "")
            is_known = f":{self.hub_port}/" in hub and process.create_time() >= self._servers_since
            return is_known or folder in unix_socket_path(hub)
        except psutil.Error:
            return False


def is_open(port: int) -> bool:
    """Return whether a process listens on a TCP port of 127.0.0.1.

    Args:
        port: the port.

    Returns:
        True when a connection is accepted.
    """
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _given(name: str, arguments: tuple[str, ...]) -> int | None:
    found = re.search(rf"^--(?:JupyterHub\.)?{name}=(\d{{1,5}})$", "\n".join(arguments), re.MULTILINE)
    return int(found[1]) if found and int(found[1]) <= _LAST_PORT else None


def _own_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OWN_VARIABLES)}


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"process {process.pid}: {' '.join(process.cmdline())[:200]}"
    return f"process {process.pid}"
