"""Places on a machine for the separate engines of tests, each with a folder, a bridge and addresses.

Each place has a lock, which the kernel releases when the process that holds it ends, even by SIGKILL. So
whatever is found in a place whose lock is free is left over from a run that was killed: a running engine,
its containers, mounts, files and bridges. Several runs of the tests on one machine get different places.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from plughub.testing.conditions import wait_for

COUNT: Final = 16
_LOCK: Final = "plughub-tests-engine-{}.lock"
_LINKS: Final = Path("/sys/class/net")
_MOUNTS: Final = Path("/proc/self/mounts")
_MOUNT_POINT: Final = 1
_ENGINE: Final = "dockerd"
_OF_ENGINE: Final = (_ENGINE, "containerd")


@dataclass(frozen=True)
class EnginePlace:
    """A place for one separate engine.

    Args:
        number: from 0 to `COUNT` - 1; no two runs of tests have the same at one time.
    """

    number: int

    @property
    def folder(self) -> Path:
        """Folder for the engine's files, with a short path because the path of a socket is limited."""
        return Path(f"/tmp/phe{self.number}")  # noqa: S108 - see the lock

    @property
    def bridge(self) -> str:
        """Bridge of the engine's default network."""
        return self.bridge_of("")

    @property
    def address(self) -> str:
        """Address of the bridge, with the length of its network."""
        return f"198.18.{100 + self.number}.1/24"

    @property
    def subnet(self) -> str:
        """Subnet of a network whose addresses a test chooses."""
        return f"198.18.{120 + self.number}.0/24"

    def bridge_of(self, network: str) -> str:
        """Return the name of the bridge of a network.

        Args:
            network: up to 9 characters.
        """
        return f"phe{self.number}-{network}"


@contextlib.contextmanager
def engine_place(numbers: Iterable[int] = range(COUNT)) -> Iterator[EnginePlace]:
    """Reserve a free place, with an empty folder and a bridge. Requires root.

    Args:
        numbers: of the places from which to choose.

    Yields:
        The place; it is cleaned before and after.

    Raises:
        LookupError: all of them are in use.
    """
    for number in numbers:
        place = EnginePlace(number)
        with Path(tempfile.gettempdir(), _LOCK.format(number)).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            clean(place)
            place.folder.mkdir(mode=0o700)
            _ip("link", "add", place.bridge, "type", "bridge")
            _ip("address", "add", place.address, "dev", place.bridge)
            try:
                yield place
            finally:
                clean(place)
            return
    raise LookupError("other runs of tests have engines in all places of this machine")


def clean(place: EnginePlace) -> None:
    """End and remove everything in a place. Its lock must be held.

    Args:
        place: the place.
    """
    containers = {path.name for path in place.folder.glob("data/containers/*")}
    wait_for(lambda: not _killed(place, containers))
    mounted = (line.split()[_MOUNT_POINT] for line in _MOUNTS.read_text().splitlines())
    for path in sorted((path for path in mounted if path.startswith(f"{place.folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", path], check=False, capture_output=True)
    shutil.rmtree(place.folder, ignore_errors=True)
    for link in _LINKS.glob(place.bridge_of("*")):
        _ip("link", "delete", link.name)


def _killed(place: EnginePlace, containers: set[str]) -> bool:
    """Kill the processes of the engine and its containers; return whether there were any.

    The engine comes first, because it starts containers again.
    """
    engine: list[psutil.Process] = []
    others: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            words = process.cmdline() or [""]
            program = Path(words[0]).name
            if program.startswith(_OF_ENGINE) and any(f"{place.folder}/" in word for word in words):
                (engine if program == _ENGINE else others).append(process)
            elif _groups_of(process.pid) & containers:
                others.append(process)
    for process in [*engine, *others]:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    return bool(engine or others)


def _groups_of(pid: int) -> set[str]:
    """Return the parts of the names of a process's control groups: one is the id of its container."""
    parts = Path(f"/proc/{pid}/cgroup").read_text().replace("\n", "/").split("/")
    return {part.removeprefix("docker-").removesuffix(".scope") for part in parts}


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
