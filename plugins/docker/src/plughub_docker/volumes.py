"""Templates, and what is mounted into containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from docker.types import Mount

Format = Callable[[str], str]


def fill_in(value: Any, names: Mapping[str, Any]) -> Any:
    """Fill in templates, wherever they stand.

    Args:
        value: a text, or lists and dictionaries with texts.
        names: what may stand in braces.

    Returns:
        The same with all texts filled in.
    """
    if isinstance(value, str):
        return value.format(**names)
    if isinstance(value, Mapping):
        return {fill_in(key, names): fill_in(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(fill_in(item, names) for item in value)
    return value


def binds_of(volumes: Mapping[str, Any], mode: str, filled: Format) -> dict[str, dict[str, str]]:
    """Write volumes as the engine wants them.

    Args:
        volumes: path in the container by source, or a dictionary with ``bind``, ``mode``, ``propagation``.
        mode: ``rw`` or ``ro``, where the volume does not say.
        filled: fills in templates.

    Returns:
        The binds.
    """
    binds = {}
    for source, target in volumes.items():
        said = dict(target) if isinstance(target, Mapping) else {"bind": target}
        said["bind"] = filled(said["bind"])
        binds[filled(source)] = {"mode": mode, **said}
    return binds


def mounts_of(mounts: list[Mapping[str, Any]], filled: Format) -> list[Mount]:
    """Write mounts as the engine wants them.

    Args:
        mounts: arguments of `docker.types.Mount`.
        filled: fills in templates.

    Returns:
        The mounts.
    """
    return [
        Mount(**{name: filled(item) if isinstance(item, str) else item for name, item in mount.items()})
        for mount in mounts
    ]
