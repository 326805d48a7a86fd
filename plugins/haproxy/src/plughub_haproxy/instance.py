"""Lifecycle of a HAProxy process: find, launch, reload, stop. It outlives the hub that launched it."""

from __future__ import annotations

import asyncio
import fcntl
import grp
import json
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from plughub.errors import MISTAKE, RETRY, StartError
from plughub.processes import (
    ProcessIdentity,
    end,
    find_marked,
    last_lines,
    launch,
    marked,
    trim,
    wait_until_free,
    who_listens,
)
from plughub_haproxy.configuration import MASTER_SOCKET_NAME, PEM_NAME, SOCKET_NAME, Listener, render
from plughub_haproxy.configuration import fingerprint as fingerprint_of
from plughub_haproxy.entries import Address
from plughub_haproxy.pages import PAGES_NAME, pages_file
from plughub_haproxy.runtime_socket import RuntimeSocket, RuntimeSocketError
from plughub_haproxy.timings import ANSWER_SECONDS, CHECK_SECONDS, LOCK_SECONDS, POLL_SECONDS, START_SECONDS
from plughub_haproxy.tls import AUTHORITIES_NAME, CLIENT_NAME

CONFIGURATION_NAME: Final = "haproxy.cfg"
_INTERNAL: Final = re.compile("frontend (again|dead)")

Pools = Mapping[str, Sequence[Address]]


class Instance:
    """The HAProxy of one folder.

    Args:
        folder: folder of its files and sockets, created with mode 0700.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime = RuntimeSocket(folder / SOCKET_NAME)
        self.master = RuntimeSocket(folder / MASTER_SOCKET_NAME)
        self._state = folder / "process.json"
        self._log = folder / "haproxy.log"

    async def make_folder(self, group: str = "") -> None:
        """Create the folder, without access for other users.

        Args:
            group: primary group of HAProxy's workers, if they run as another user than the hub. The workers
                connect to a socket in the folder, which is their working directory. Other processes of the
                group cannot pass the folder above it.
        """
        await asyncio.to_thread(self._make_folder, group)

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Prevent other processes from starting or stopping the same HAProxy.

        Raises:
            StartError: another process keeps the lock.
        """
        lock = await asyncio.to_thread(self._lock)
        try:
            yield
        finally:
            os.close(lock)

    async def find(self, saved: ProcessIdentity | None = None) -> ProcessIdentity | None:
        """Return the running HAProxy of this folder, whether it answers or not; None if there is none.

        Args:
            saved: process in the hub's saved state.
        """
        return await asyncio.to_thread(self._find, saved)

    async def read_fingerprint(self) -> str:
        """Return the fingerprint of the running configuration; empty if HAProxy does not answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                shown = await self.runtime.query("show info")
        except (RuntimeSocketError, TimeoutError):
            return ""
        found = (line.partition(": ")[2] for line in shown.splitlines() if line.startswith("description: "))
        return next(found, "")

    async def launch(self, command: Sequence[str], listener: Listener, pools: Pools) -> ProcessIdentity:
        """Start HAProxy and wait until it answers.

        Args:
            command: command of HAProxy.
            listener: parameters of the configuration.
            pools: addresses of routes with several targets.

        Raises:
            StartError: HAProxy did not start.
        """
        await asyncio.to_thread(self._write, listener, pools)
        if self._state.exists():
            for port in listener.ports:
                await asyncio.to_thread(wait_until_free, listener.ip, port)
        process = await asyncio.to_thread(self._launch, command)
        deadline = time.monotonic() + START_SECONDS
        while await self.read_fingerprint() != fingerprint_of(listener):
            running = await asyncio.to_thread(process.is_running)
            if not running or time.monotonic() > deadline:
                await asyncio.to_thread(end, process)
                raise await asyncio.to_thread(self._start_error, listener, timed_out=running)
            await asyncio.sleep(POLL_SECONDS)
        return process

    async def reload(self, command: Sequence[str], listener: Listener, pools: Pools) -> None:
        """Reload the configuration of a running HAProxy. Open connections stay.

        Args:
            command: command of HAProxy.
            listener: parameters of the configuration.
            pools: addresses of routes with several targets.

        Raises:
            StartError: HAProxy refuses the configuration and keeps running with the previous one.
        """
        await asyncio.to_thread(self._write, listener, pools)
        await asyncio.to_thread(self._check, command)
        deadline = time.monotonic() + START_SECONDS
        is_requested = False
        while await self.read_fingerprint() != fingerprint_of(listener):
            is_requested = is_requested or await self._request_reload()
            if time.monotonic() > deadline:
                raise await asyncio.to_thread(self._start_error, listener, timed_out=True)
            await asyncio.sleep(POLL_SECONDS)

    async def end(self, process: ProcessIdentity) -> None:
        """Terminate HAProxy, given its master process."""
        await asyncio.to_thread(end, process)
        await asyncio.to_thread(self._state.unlink, missing_ok=True)

    async def trim_log(self) -> None:
        """Truncate the log when it has grown too long."""
        await asyncio.to_thread(trim, self._log)

    async def _request_reload(self) -> bool:
        """Request a reload by socket: a signal would be lost by a master that has just started."""
        try:
            await self.master.query("reload")
        except RuntimeSocketError as error:
            return not isinstance(error.__cause__, ConnectionRefusedError | FileNotFoundError)
        return True

    # ---- what follows blocks and runs in threads

    def _make_folder(self, group: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if group:
            os.chown(self.folder, -1, grp.getgrnam(group).gr_gid)
        # Keep the group's permission while HAProxy's workers may need it.
        self.folder.chmod(0o710 if group else self.folder.stat().st_mode & 0o710)

    def _lock(self) -> int:
        lock = os.open(self.folder / "start.lock", os.O_CREAT | os.O_RDWR, 0o600)
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise StartError(
                        f"another process is starting or stopping HAProxy in {self.folder}", exit_code=RETRY
                    ) from None
                time.sleep(POLL_SECONDS)
            else:
                return lock

    def _find(self, saved: ProcessIdentity | None) -> ProcessIdentity | None:
        for process in (self._recorded_process(), saved):
            if process is not None and process.is_running():
                return process
        return find_marked(str(self.folder))

    def _recorded_process(self) -> ProcessIdentity | None:
        try:
            return ProcessIdentity.from_state(json.loads(self._state.read_text("ascii")))
        except (OSError, ValueError, AttributeError):
            return None

    def _write(self, listener: Listener, pools: Pools) -> None:
        if listener.pem:
            _write_file(self.folder / PEM_NAME, listener.pem)
        if listener.tls:
            _write_file(self.folder / CLIENT_NAME, listener.tls.client)
            _write_file(self.folder / AUTHORITIES_NAME, listener.tls.authorities)
        _write_file(self.folder / PAGES_NAME, pages_file())
        _write_file(self.folder / CONFIGURATION_NAME, render(listener, pools))

    def _launch(self, command: Sequence[str]) -> ProcessIdentity:
        self._log.unlink(missing_ok=True)
        process = launch(
            [*self._command(command), "-W", "-S", f"unix@{MASTER_SOCKET_NAME},mode,600"],
            log=self._log,
            cwd=self.folder,
            environment=marked(_environment(), str(self.folder)),
        )
        _write_file(self._state, json.dumps(process.as_state()))
        return process

    def _check(self, command: Sequence[str]) -> None:
        checked = subprocess.run(  # noqa: S603 - the command is the administrator's
            [*self._command(command), "-c"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
        if checked.returncode:
            reason = _alerts(checked.stderr.splitlines())
            raise StartError(f"HAProxy refuses the new configuration: {reason}")

    def _command(self, command: Sequence[str]) -> list[str]:
        return [*command, "-C", str(self.folder), "-f", CONFIGURATION_NAME]

    def _start_error(self, listener: Listener, *, timed_out: bool) -> StartError:
        lines = last_lines(self._log, 20)
        text = "\n".join(lines)
        if any("already in use" in line and _INTERNAL.search(line) is None for line in lines):
            held = [
                f"port {port} is in use{listener_text}"
                for port in listener.ports
                if (listener_text := who_listens(port))
            ]
            return StartError(
                f"{'; '.join(held) or f'port {listener.port} is in use'}; HAProxy cannot listen on "
                f"{listener.display_address}: stop that process, or choose another port "
                "(JupyterHub.bind_url)",
                exit_code=RETRY,
            )
        if "Permission denied" in text:
            return StartError(
                f"the hub's user is not allowed to listen on {listener.display_address}: "
                f"choose a port of 1024 or higher, or make the files readable: {_alerts(lines)}"
            )
        what = "does not answer" if timed_out else "exited at once"
        refused = any("ALERT" in line and ": config :" in line for line in lines)
        return StartError(
            f"HAProxy {what}: {_alerts(lines) or f'see {self._log}'}",
            exit_code=MISTAKE if refused else RETRY,
        )


def _write_file(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(text.encode())
    new.replace(path)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "TZ"}}


def _alerts(lines: Sequence[str]) -> str:
    """Return HAProxy's alerts from its log."""
    alerts = [line.partition(" : ")[2].strip() for line in lines if "[ALERT]" in line]
    return "; ".join(alerts[:3]) or " ".join(lines[-2:])
