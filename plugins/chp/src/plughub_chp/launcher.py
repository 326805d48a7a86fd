"""Launching configurable-http-proxy, and finding the one that runs."""

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
"""Bytes of headers that Node takes, of clients and of servers.

A login provider's cookies reach its own limit of 16 KB; the hub and Jupyter's servers take this much."""

_NODE_OPTIONS: Final = "NODE_OPTIONS"
_HEADERS_OPTION: Final = "--max-http-header-size"
_INSTALL: Final = "npm install -g configurable-http-proxy"


@dataclass(frozen=True, slots=True)
class Running:
    """A proxy that was launched.

    Attributes:
        process: the process.
        fingerprint: of its arguments and its token.
    """

    process: ProcessIdentity
    fingerprint: str

    def as_state(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {**self.process.as_state(), "fingerprint": self.fingerprint}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Running | None:
        """Read what `as_state` gave.

        Args:
            state: JSON.

        Returns:
            The proxy; None when there is none in it, or it does not run any more.
        """
        process = ProcessIdentity.from_state(state)
        if process is None or not process.is_running():
            return None
        return cls(process, str(state.get("fingerprint", "")))


class Launcher:
    """The proxy of one folder. All of it blocks.

    Args:
        folder: for its files, made with mode 0700.
        pid_file: where its pid stands for others; empty for nowhere.
    """

    def __init__(self, folder: Path, pid_file: str) -> None:
        self.folder = folder
        self.log = folder / "proxy.log"
        self._state = folder / "process.json"
        self._token = folder / "auth_token"
        self._pid_file = folder / pid_file if pid_file else None

    @property
    def has_state(self) -> bool:
        """Whether a proxy was launched before and not ended by a hub."""
        return self._state.exists()

    def make_folder(self) -> None:
        """Make the folder, for nobody else to look into."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)

    def token(self, configured: str) -> str:
        """Give the token that hub and proxy share; one that was made is kept for the next hub process.

        Args:
            configured: what the administrator set.

        Returns:
            The token.
        """
        if configured:
            return configured
        try:
            return self._token.read_text("ascii").strip()
        except FileNotFoundError:
            _write(self._token, secrets.token_hex(32))
            return self._token.read_text("ascii").strip()

    def find(self, saved: Mapping[str, Any]) -> Running | None:
        """Find the proxy that runs.

        Args:
            saved: what the hub remembers.

        Returns:
            The proxy, without a fingerprint when its launcher died before it noted it; or None.
        """
        try:
            noted = json.loads(self._state.read_text("ascii"))
        except (OSError, ValueError):
            noted = {}
        known = Running.from_state(noted) or Running.from_state(saved)
        if known is None and (lost := find_marked(str(self.folder))):
            return Running(lost, "")
        return known

    def launch(
        self, command: Sequence[str], arguments: Sequence[str], token: str, base_url: str
    ) -> ProcessIdentity:
        """Launch the proxy.

        Args:
            command: of configurable-http-proxy.
            arguments: what follows.
            token: goes into its environment, never into its arguments.
            base_url: path of the whole application.

        Returns:
            The process, which may have ended already.

        Raises:
            StartError: there is no such command.
        """
        if shutil.which(command[0]) is None:
            raise StartError(
                f"the command {command[0]!r} is not found. Install Node and then the proxy: "
                f"{_INSTALL}; or set ConfigurableHTTPProxy.command; "
                "or use the plugin 'haproxy', which needs no Node"
            )
        self.log.unlink(missing_ok=True)
        return launch(
            [*command, *arguments],
            log=self.log,
            cwd=self.folder,
            environment=marked(
                {**_environment(), TOKEN_VARIABLE: token, BASE_VARIABLE: base_url}, str(self.folder)
            ),
        )

    def note(self, running: Running) -> None:
        """Note what runs, for later processes of the hub.

        Args:
            running: the proxy.
        """
        _write(self._state, json.dumps(running.as_state()))
        if self._pid_file is not None:
            _write(self._pid_file, str(running.process.pid))

    def forget(self) -> None:
        """Remove what tells of a running proxy."""
        self._state.unlink(missing_ok=True)
        if self._pid_file is not None:
            self._pid_file.unlink(missing_ok=True)


def fingerprint_of(command: Sequence[str], arguments: Sequence[str], token: str, base_url: str) -> str:
    """Tell a proxy from one that was launched in another way.

    Args:
        command: of configurable-http-proxy.
        arguments: what follows.
        token: shared with it.
        base_url: path of the whole application.

    Returns:
        Hexadecimal digits.
    """
    secret = hashlib.sha256(token.encode()).hexdigest()
    text = json.dumps([list(command), list(arguments), secret, base_url, version_of_scripts()])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _environment() -> dict[str, str]:
    """Give what Node needs, and none of the hub's secrets."""
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
