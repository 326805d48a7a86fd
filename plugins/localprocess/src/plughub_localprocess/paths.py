"""Runtime folders of this distribution's plugins, as configured by the hub."""

from __future__ import annotations

from pathlib import Path

from plughub.kinds import HubContext

RUNTIME_DIRS: dict[str, Path] = {}
"""Folder of each plugin, by its name."""


def set_runtime_dir(context: HubContext) -> None:
    """Store the folder of a plugin."""
    RUNTIME_DIRS[context.plugin] = context.runtime_dir / context.plugin
