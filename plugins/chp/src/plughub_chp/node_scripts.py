"""Scripts that Node loads before the proxy.

One confines service workers to their routes; a proxy without it is refused. The other keeps Node from
aborting long uploads.
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
_LOADED_LINE: Final = "plughub: service workers are kept below their routes"
_LINES: Final = 1000


def node_options() -> str:
    """Return the options with which Node loads the scripts before the proxy."""
    quoted = (str(path).replace("\\", "\\\\").replace('"', '\\"') for path in (SCRIPT, UPLOADS_SCRIPT))
    return " ".join(f'--require "{path}"' for path in quoted)


def version_of_scripts() -> str:
    """Return a hash of the scripts, so that a proxy with older ones is replaced."""
    return hashlib.sha256(SCRIPT.read_bytes() + UPLOADS_SCRIPT.read_bytes()).hexdigest()


def check_loaded(log: Path) -> None:
    """Refuse a proxy that has not loaded the script for service workers.

    Args:
        log: log of the proxy since its launch.

    Raises:
        StartError: the script is not loaded.
    """
    if not any(_LOADED_LINE in line for line in last_lines(log, _LINES)):
        raise StartError(
            "the proxy did not load the script that confines service workers to their routes: "
            "ConfigurableHTTPProxy.command does not pass NODE_OPTIONS on to Node",
            hint="pass the environment on to Node, or use the plugin haproxy",
        )
