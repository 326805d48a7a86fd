"""Launch of configurable-http-proxy, and search for a running one."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from plughub.errors import StartError
from plughub.processes import ProcessIdentity, find_marked, launch, marked
from plughub_chp.node_scripts import BASE_VARIABLE, node_options, version_of_scripts

TOKEN_VARIABLE: Final = "CONFIGPROXY_AUTH_TOKEN"  # noqa: S105 - the name of a variable
MAX_HEADERS: Final = 65536
"""Bytes of headers that Node accepts from clients and servers.

The cookies of a login provider can exceed Node's default of 16 KB; the hub and Jupyter servers accept this
much.
"""

_NODE_OPTIONS: Final = "NODE_OPTIONS"
_HEADERS_OPTION: Final = "--max-http-header-size"
_INSTALL: Final = "npm install -g configurable-http-proxy"


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """A launched proxy.

    Attributes:
        process: process of the proxy.
        fingerprint: hash of its arguments and its token.
    """

    process: ProcessIdentity
    fingerprint: str

    def as_state(self) -> dict[str, Any]:
        """Return the JSON state."""
        return {**self.process.as_state(), "fingerprint": self.fingerprint}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RunningProxy | None:
        """Return the proxy from a state of `as_state`; None if it contains none, or it no longer runs."""
        process = ProcessIdentity.from_state(state)
        if process is None or not process.is_running():
            return None
        return cls(process, str(state.get("fingerprint", "")))


class Launcher:
    """Launcher of the proxy in one folder. Everything here blocks.

    Args:
        folder: folder of its files, created with mode 0700.
        pid_file: name of the pid file; empty for none.
    """

    def __init__(self, folder: Path, pid_file: str) -> None:
        self.folder = folder
        self.log = folder / "proxy.log"
        self._state = folder / "process.json"
        self._token = folder / "auth_token"
        self._pid_file = folder / pid_file if pid_file else None

    @property
    def has_state(self) -> bool:
        """Return whether a proxy was launched earlier and not stopped by a hub."""
        return self._state.exists()

    def make_folder(self) -> None:
        """Create the folder, without access for other users."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)

    def token(self, configured: str) -> str:
        """Return the token of hub and proxy; a generated one is stored for later hub processes.

        Args:
            configured: the setting.
        """
        if configured:
            return configured
        try:
            return self._token.read_text("ascii").strip()
        except FileNotFoundError:
            _write(self._token, secrets.token_hex(32))
            return self._token.read_text("ascii").strip()

    def find(self, saved: Mapping[str, Any]) -> RunningProxy | None:
        """Return the running proxy, or None.

        The fingerprint is empty if its hub died during the launch.

        Args:
            saved: the hub's saved state.
        """
        try:
            recorded = json.loads(self._state.read_text("ascii"))
        except (OSError, ValueError):
            recorded = {}
        known = RunningProxy.from_state(recorded) or RunningProxy.from_state(saved)
        if known is None and (unrecorded := find_marked(str(self.folder))):
            return RunningProxy(unrecorded, "")
        return known

    def launch(
        self, command: Sequence[str], arguments: Sequence[str], token: str, base_url: str
    ) -> ProcessIdentity:
        """Launch the proxy, and return its process, which may have ended already.

        Args:
            command: command of configurable-http-proxy.
            arguments: arguments of the command.
            token: token, passed in the environment and never in the arguments.
            base_url: path of the whole application.

        Raises:
            StartError: the command does not exist.
        """
        check_command(command)
        self.log.unlink(missing_ok=True)
        return launch(
            [*command, *arguments],
            log=self.log,
            cwd=self.folder,
            environment=marked(
                {**_environment(), TOKEN_VARIABLE: token, BASE_VARIABLE: base_url}, str(self.folder)
            ),
        )

    def record(self, running: RunningProxy) -> None:
        """Record the running proxy for later hub processes."""
        _write(self._state, json.dumps(running.as_state()))
        if self._pid_file is not None:
            _write(self._pid_file, str(running.process.pid))

    def remove_state(self) -> None:
        """Delete the record of the running proxy."""
        self._state.unlink(missing_ok=True)
        if self._pid_file is not None:
            self._pid_file.unlink(missing_ok=True)


def check_command(command: Sequence[str]) -> None:
    """Check that the program of a command exists.

    Raises:
        StartError: it does not.
    """
    if shutil.which(command[0]) is None:
        raise StartError(
            f"ConfigurableHTTPProxy.command is not a program: {command[0]!r}",
            hint=f"install Node and then the proxy: {_INSTALL}; or set ConfigurableHTTPProxy.command; or use "
            "the plugin 'haproxy', which needs no Node",
        )


def fingerprint_of(command: Sequence[str], arguments: Sequence[str], token: str, base_url: str) -> str:
    """Return a hash that identifies a launch: command, arguments, token, base URL and scripts."""
    secret = hashlib.sha256(token.encode()).hexdigest()
    text = json.dumps([list(command), list(arguments), secret, base_url, version_of_scripts()])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _environment() -> dict[str, str]:
    """Return the variables that Node needs, without the hub's secrets."""
    kept = ("PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "NODE_", "CONFIGPROXY_", "npm_")
    found = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    options = [found.get(_NODE_OPTIONS, ""), node_options()]
    if _HEADERS_OPTION not in options[0]:
        options.append(f"{_HEADERS_OPTION}={MAX_HEADERS}")
    return {**found, _NODE_OPTIONS: " ".join(options).strip()}


def _write(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(text.encode() + b"\n")
    new.replace(path)
