"""Host folders that a server cannot write to: an engine creates a missing folder for root."""

from __future__ import annotations

import contextlib
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any, Final

from plughub_docker.engine import Engine, EngineError
from plughub_docker.timings import HOST_FOLDER_SECONDS

ROOT: Final = frozenset({"", "0", "root"})
OTHERS_WRITE: Final = 0o002
_REFUSED: Final = ("permission denied", "permissionerror", "read-only file system")
_HEADER: Final = 512


def closed_folder(engine: Engine, container: Mapping[str, Any], lines: Iterable[str]) -> str:
    """Return the host folder that an ended server could not write to, as its path in the container.

    Args:
        engine: the engine.
        container: result of an inspection; it has ended.
        lines: last lines of its log; without a complaint about permissions in them, no folder is returned.
    """
    user = str(container["Config"].get("User") or "").partition(":")[0]
    was_refused = any(words in line.lower() for line in lines for words in _REFUSED)
    if user in ROOT or not was_refused:
        return ""
    folders = (
        str(one["Destination"])
        for one in container.get("Mounts") or ()
        if one.get("Type") == "bind" and one.get("RW")
    )
    return next((folder for folder in folders if _belongs_to_root(engine, container["Id"], folder)), "")


def _belongs_to_root(engine: Engine, container_id: str, folder: str) -> bool:
    """Return whether root owns a folder, from the first entry of its archive; the rest is not read."""
    with contextlib.suppress(EngineError, tarfile.TarError, StopIteration), engine.request() as client:
        archive = f"{client.base_url}/v{client.api_version}/containers/{container_id}/archive"
        with client.get(
            archive, params={"path": f"{folder}/."}, stream=True, timeout=HOST_FOLDER_SECONDS
        ) as answer:
            answer.raise_for_status()
            entry = tarfile.TarInfo.frombuf(
                next(answer.iter_content(_HEADER))[:_HEADER], "utf-8", "surrogateescape"
            )
        return entry.uid == 0 and not entry.mode & OTHERS_WRITE
    return False
