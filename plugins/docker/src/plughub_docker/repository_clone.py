"""Clone of a repository before the server starts: in its container, with the user's permissions and limits.

The hub's machine never contacts the repository. The container's command is a small script that clones,
reports the result, and then executes the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

READY: Final = "plughub: the repository is there"
FAILED: Final = "plughub: the repository cannot be cloned"
EXIT_CODE: Final = 91

# An interrupted clone leaves only the folder .part, which the next one deletes.
_SCRIPT: Final = f"""\
url=$1 folder=$2; shift 2
if [ ! -e "$folder" ]; then
  command -v git >/dev/null || {{ echo "the image has no git"; echo "{FAILED}"; exit {EXIT_CODE}; }}
  echo "Cloning $url"
  rm -rf -- "$folder.part"
  GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL="${{url%%:*}}" git -c http.lowSpeedLimit=1000 \
    -c http.lowSpeedTime=30 clone -- "$url" "$folder.part" 2>&1 \
    && mv -- "$folder.part" "$folder" || {{ echo "{FAILED}"; exit {EXIT_CODE}; }}
fi
echo "{READY}"
exec "$@"
"""


def command(url: str, folder: str, server: Sequence[str]) -> list[str]:
    """Return the command of a container that clones a repository before it executes the server.

    Args:
        url: checked URL of the repository.
        folder: target folder, relative to the working directory of the image; an existing one is not touched.
        server: command of the server.
    """
    return ["sh", "-c", _SCRIPT, "plughub-clone", url, folder, *server]


@dataclass(frozen=True, slots=True)
class CloneProgress:
    """Progress of a clone.

    Attributes:
        ready: whether the clone is finished and the server starts.
        last: last line of output from git or the script.
    """

    ready: bool
    last: str


def read_progress(lines: Sequence[str]) -> CloneProgress:
    """Read the progress of a clone from the container's log."""
    before = list(lines)
    while FAILED in before:
        before.remove(FAILED)
    output = [line.strip() for line in before if line.strip()]
    return CloneProgress(READY in lines, output[-1] if output else "")
