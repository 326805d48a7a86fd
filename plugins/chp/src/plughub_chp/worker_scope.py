"""Have the proxy keep service workers below their routes, which it does not do by itself."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from plughub.classes.detached import last_lines
from plughub.domain.errors import StartError

SCRIPT: Final = Path(__file__).with_name("worker_scope.cjs")
BASE_VARIABLE: Final = "PLUGHUB_BASE_URL"
_SAID: Final = "plughub: service workers are kept below their routes"
_LINES: Final = 1000


def node_option() -> str:
    """Return the option with which Node loads the script before the proxy."""
    quoted = str(SCRIPT).replace("\\", "\\\\").replace('"', '\\"')
    return f'--require "{quoted}"'


def version_of_script() -> str:
    """Return what differs once the script does, so that a proxy with an older one is replaced."""
    return hashlib.sha256(SCRIPT.read_bytes()).hexdigest()


def check_loaded(log: Path) -> None:
    """Refuse a proxy that has not loaded the script.

    Args:
        log: what the proxy wrote since its launch.

    Raises:
        StartError: it has not.
    """
    if not any(_SAID in line for line in last_lines(log, _LINES)):
        raise StartError(
            "the proxy did not load what keeps service workers below their routes: "
            "ConfigurableHTTPProxy.command does not pass NODE_OPTIONS on to Node",
            hint="have it do so, or use the plugin haproxy",
        )
