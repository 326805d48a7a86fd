"""Folders of the engine's machine that a server may not write to: an engine makes a missing one for root."""

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
    """Find a folder of the host that kept a server from working.

    Args:
        engine: the engine.
        container: as inspected; it has ended.
        lines: what it wrote last.

    Returns:
        Where it is in the container; empty when the server did not complain, or all folders are its own.
    """
    user = str(container["Config"].get("User") or "").partition(":")[0]
    complains = any(words in line.lower() for line in lines for words in _REFUSED)
    if user in ROOT or not complains:
        return ""
    folders = (
        str(one["Destination"])
        for one in container.get("Mounts") or ()
        if one.get("Type") == "bind" and one.get("RW")
    )
    return next((folder for folder in folders if _belongs_to_root(engine, container["Id"], folder)), "")


def _belongs_to_root(engine: Engine, container_id: str, folder: str) -> bool:
    """Read who owns a folder: it is the first entry of its archive, and nothing more is read."""
    with contextlib.suppress(EngineError, tarfile.TarError, StopIteration), engine.asked() as client:
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
