"""Scripts that Node loads before the proxy: they do what it does not do by itself.

One keeps service workers below their routes; without it the proxy is not used. The other keeps Node from
ending long uploads.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from plughub.errors import StartError
from plughub.processes import last_lines

SCRIPT: Final = Path(__file__).with_name("worker_scope.cjs")
UPLOADS_SCRIPT: Final = Path(__file__).with_name("uploads.cjs")
BASE_VARIABLE: Final = "PLUGHUB_BASE_URL"
_SAID: Final = "plughub: service workers are kept below their routes"
_LINES: Final = 1000


def node_options() -> str:
    """Return the options with which Node loads the scripts before the proxy."""
    quoted = (str(path).replace("\\", "\\\\").replace('"', '\\"') for path in (SCRIPT, UPLOADS_SCRIPT))
    return " ".join(f'--require "{path}"' for path in quoted)


def version_of_scripts() -> str:
    """Return what differs once a script does, so that a proxy with an older one is replaced."""
    return hashlib.sha256(SCRIPT.read_bytes() + UPLOADS_SCRIPT.read_bytes()).hexdigest()


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
