"""Cloning a repository before the server starts: inside its container, with the user's rights and limits.

The hub's machine never talks to the repository. The container's command becomes a small script that clones,
says how it went and then turns into the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

READY: Final = "plughub: the repository is there"
FAILED: Final = "plughub: the repository cannot be cloned"
EXIT_CODE: Final = 91

# A clone that was killed half way leaves only the folder .part, which the next one throws away.
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
    """Write the command of a container that clones first.

    Args:
        url: of the repository, checked.
        folder: into which it is cloned, as seen from the folder that the image works in. One that is
            there already is left as it is.
        server: the command of the server.

    Returns:
        The command.
    """
    return ["sh", "-c", _SCRIPT, "plughub-clone", url, folder, *server]


@dataclass(frozen=True, slots=True)
class CloneProgress:
    """How far a clone is, as the lines of the container tell.

    Attributes:
        ready: the server starts now.
        last: what was written last, by git or by the script.
    """

    ready: bool
    last: str


def look(lines: Sequence[str]) -> CloneProgress:
    """Read how far a clone is.

    Args:
        lines: that the container wrote.

    Returns:
        How far.
    """
    before = list(lines)
    while FAILED in before:
        before.remove(FAILED)
    said = [line.strip() for line in before if line.strip()]
    return CloneProgress(READY in lines, said[-1] if said else "")
