"""Where each plugin of this distribution keeps its files, as the hub told it."""

from __future__ import annotations

from pathlib import Path

from plughub.kinds import HubContext

RUNTIME_DIRS: dict[str, Path] = {}
"""The folder of each plugin, by its name."""


def remember(context: HubContext) -> None:
    """Note the folder of a plugin.

    Args:
        context: the hub that the plugin works for.
    """
    RUNTIME_DIRS[context.plugin] = context.runtime_dir / context.plugin
