"""Reader of a tutorial: runs the blocks of a page in order, as a person would type them."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from plughub.testing.conditions import wait_for
from plughub.testing.ports import free_port
from plughub.testing.quick import starts

_BLOCK: Final = re.compile(
    r"^(?:<!-- (?P<mark>[^>]+?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$|^<!-- (?P<alone>Ctrl-C) -->$",
    re.MULTILINE | re.DOTALL,
)
_SECONDS: Final = 120
_STOP_SECONDS: Final = 60
_READ_BYTES: Final = 4096


@starts
class TutorialReader:
    """Reader of a page of documentation.

    Fenced blocks of the language ``sh`` are run by bash; folder and variables stay for the next block. A
    comment directly before a block changes what happens with it:

    - ``<!-- file: NAME -->``: the block is the content of a file.
    - ``<!-- in the background until: TEXT -->``: its command runs on a terminal of its own, until TEXT
      appears. A hub gets free ports, unless it has a config file that sets them.
    - ``<!-- shown -->``: the block is part of the output of the block before; ``…`` stands for any text.
    - ``<!-- not run: REASON -->``: the block is left out.

    ``<!-- Ctrl-C -->`` alone interrupts what runs in the background.

    Args:
        page: the tutorial.
        folder: where the reader begins; also the home folder.
        env: environment variables.
        instead: texts of the page, and what they become on this machine. Each is a whole word.

    Attributes:
        skipped: reasons of the blocks that were left out.
        count: number of blocks that bash ran.
        port: what port 8000 of the page has become.
    """

    def __init__(
        self,
        page: Path,
        folder: Path,
        env: Mapping[str, str] | None = None,
        instead: Mapping[str, str] | None = None,
    ) -> None:
        self.port, self._hub_port = free_port(), free_port()
        ports = {"8000": str(self.port), "8001": str(free_port()), "8081": str(self._hub_port)}
        text = page.read_text()
        for word, other in {**ports, **(instead or {})}.items():
            text = re.sub(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", other.replace("\\", r"\\"), text)
        self._text, self._place = text, folder
        self._state = folder / ".reader"
        self._env = {**os.environ, **(env or {}), "HOME": str(folder)}
        self._output = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = -1
        self._heard: list[bytes] = []
        self._listener = threading.Thread()
        self.skipped: list[str] = []
        self.count = 0

    def read(self, look: Callable[[], None] = lambda: None) -> None:
        """Do what the page says.

        Args:
            look: is called before each Ctrl-C of the page, to look at what runs.

        Raises:
            AssertionError: a block failed, or its output is not what the page shows.
        """
        for block in _BLOCK.finditer(self._text):
            if block["alone"]:
                look()
                self.interrupt()
            else:
                self._do(block["mark"] or "", block["language"], block["text"])

    def interrupt(self) -> None:
        """Press Ctrl-C in the terminal in the background, if a command runs there."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.wait()
            os.close(self._terminal)
            self._listener.join(_STOP_SECONDS)

    def variable(self, name: str) -> str:
        """Return a variable of the shell.

        Args:
            name: of the variable.

        Returns:
            Its value; empty if it is not set.
        """
        command = f'. {self._state}.variables; printf %s "${name}"'
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout

    @property
    def heard(self) -> str:
        """Output of the command in the background."""
        return b"".join(self._heard).decode(errors="replace").replace("\r\n", "\n")

    def _do(self, mark: str, language: str, text: str) -> None:
        kind, _, detail = mark.partition(": ")
        if kind == "not run":
            self.skipped.append(detail)
        elif kind == "file":
            file = self._place / detail
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        elif kind == "in the background until":
            self._run_in_background(text.strip(), detail)
        elif kind == "shown":
            pattern = ".*".join(map(re.escape, text.strip().split("…")))
            assert re.search(pattern, self._output, re.DOTALL), f"{text}\nis not in:\n{self._output}"
        elif language == "sh":
            self._run(text)

    def _run(self, text: str) -> None:
        variables, place = f"{self._state}.variables", Path(f"{self._state}.folder")
        begin = f"[ ! -f {variables} ] || . {variables}\n"
        end = f"\ndeclare -p | grep -v '^declare -[aAix]*r' > {variables}\npwd > {place}\n"
        done = subprocess.run(
            ["bash", "-e", "-c", begin + text + end],
            cwd=self._place,
            env=self._env,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self._output = done.stdout + done.stderr
        assert done.returncode == 0, f"{text}\nfailed:\n{self._output}\nin the background:\n{self.heard}"
        self._place = Path(place.read_text().strip())
        self.count += 1

    def _run_in_background(self, command: str, awaited: str) -> None:
        assert self._process is None, "one command runs in the background already"
        if command.split(maxsplit=1)[0] == "hub":
            command += f" --JupyterHub.port={self.port} --JupyterHub.hub_port={self._hub_port}"
        self._terminal, terminal = pty.openpty()
        self._heard = []
        self._process = subprocess.Popen(
            ["bash", "-c", f". {self._state}.variables 2>/dev/null; exec {command}"],
            cwd=self._place,
            env=self._env,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        process = self._process
        wait_for(lambda: awaited in self.heard or process.poll() is not None, _SECONDS)
        assert process.poll() is None, self.heard
        self._output = self.heard

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # the terminal is closed with its last process
            while data := os.read(self._terminal, _READ_BYTES):
                self._heard.append(data)
