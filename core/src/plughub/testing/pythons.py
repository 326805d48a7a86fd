"""A Python interpreter that unprivileged system users can run."""

from __future__ import annotations

import subprocess
import sys


def python_for_everybody() -> str | None:
    """Find a Python that every system user can run. Requires root.

    Returns:
        Its path; None when this machine has none.
    """
    return next((path for path in (sys.executable, "/usr/bin/python3") if _anybody_may_run(path)), None)


def _anybody_may_run(python: str) -> bool:
    """Return whether a Python finds its libraries when an unprivileged user runs it."""
    where = [python, "-c", "import sys; print(sys.base_prefix)"]
    try:
        own_prefix = subprocess.run(where, cwd="/", capture_output=True, check=True).stdout
        their_prefix = subprocess.run(where, user="nobody", cwd="/", capture_output=True, check=False).stdout
    except (OSError, subprocess.CalledProcessError):
        return False
    return own_prefix == their_prefix
