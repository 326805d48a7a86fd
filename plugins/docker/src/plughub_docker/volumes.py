"""Folders and volumes that are mounted into containers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from docker.types import Mount

Format = Callable[[str], str]
READ_ONLY: Final = "ro"
READ_WRITE: Final = "rw"
PROPAGATIONS: Final = frozenset({"shared", "rshared", "slave", "rslave", "private", "rprivate"})
_KEYS: Final = frozenset({"bind", "mode", "ro", "propagation"})


@dataclass(frozen=True, slots=True)
class Bind:
    """A bind mount of a folder or volume.

    Attributes:
        source: path on the engine's machine, or name of a volume; empty for an unnamed volume.
        target: path in the container.
        mode: options such as ``rw`` or ``ro,z``; empty for the engine's default.
    """

    source: str
    target: str
    mode: str = ""

    @property
    def text(self) -> str:
        """The bind in the engine's syntax."""
        return ":".join(filter(None, (self.source, self.target, self.mode)))

    @property
    def options(self) -> list[str]:
        """Options of the mode."""
        return self.mode.split(",")


def read_binds(volumes: Any, filled: Format = str, *, read_only: bool = False) -> list[Bind]:
    """Parse binds in any form that JupyterHub's DockerSpawner or the Docker library accepts.

    Args:
        volumes: dictionary by source of paths in the container, or of dictionaries with ``bind``, ``mode`` or
            ``ro``, and ``propagation``; or a list of strings such as ``source:path:ro``.
        filled: function that fills in templates.
        read_only: make all binds read-only.

    Raises:
        TypeError: an entry has another form.
        ValueError: an entry contradicts itself.
    """
    if isinstance(volumes, Mapping):
        mode = READ_ONLY if read_only else READ_WRITE
        found = [_of_pair(filled(str(source)), target, filled, mode) for source, target in volumes.items()]
    elif isinstance(volumes, list | tuple | None):
        found = [_of_text(filled(text)) if isinstance(text, str) else _refuse(text) for text in volumes or ()]
    else:
        found = [_refuse(volumes)]
    return [_only_read(bind) for bind in found] if read_only else found


def _of_pair(source: str, target: Any, filled: Format, default: str) -> Bind:
    if isinstance(target, str):
        return Bind(source, filled(target), default)
    if not isinstance(target, Mapping) or not isinstance(target.get("bind"), str):
        raise TypeError(
            f"{source!r} is mounted at {target!r}: use a path, or a dictionary with the path as 'bind'"
        )
    if unknown := sorted(str(key) for key in set(target) - _KEYS):
        raise ValueError(
            f"{source!r} has the unknown key {unknown[0]!r}; known keys: {', '.join(sorted(_KEYS))}"
        )
    if "ro" in target and "mode" in target:
        raise ValueError(f"{source!r} has both 'ro' and 'mode': remove one")
    mode = target.get("mode", READ_ONLY if target.get("ro") else default)
    parts = [str(part) for part in (mode, target.get("propagation")) if part]
    return Bind(source, filled(target["bind"]), ",".join(parts))


def _of_text(text: str) -> Bind:
    parts = text.split(":")
    if len(parts) == 1:
        return Bind("", text)
    if len(parts) > 3 or not parts[1]:  # noqa: PLR2004 - source, path and mode
        raise ValueError(f"{text!r} is not a bind: use source:path or source:path:mode")
    return Bind(*parts)


def _refuse(value: Any) -> Bind:
    raise TypeError(
        f"{value!r} is not a bind: use a dictionary, or a list of strings such as 'source:path:ro'"
    )


def _only_read(bind: Bind) -> Bind:
    if READ_WRITE in bind.options:
        raise ValueError(f"{bind.source!r} has the mode {bind.mode!r}, but read_only_volumes are read-only")
    options = [option for option in bind.options if option not in {"", READ_ONLY}]
    return Bind(bind.source, bind.target, ",".join([READ_ONLY, *options]))


def joined(*lists: Iterable[Bind]) -> list[Bind]:
    """Combine the binds of several settings; a later one changes the mode of an equal source and target.

    Raises:
        ValueError: two sources have the same target.
    """
    found: dict[str, Bind] = {}
    for bind in (one for binds in lists for one in binds):
        target = bind.target.rstrip("/") or "/"
        earlier = found.get(target)
        if earlier is not None and earlier.source != bind.source:
            raise ValueError(f"{earlier.source!r} and {bind.source!r} are both mounted at {bind.target!r}")
        found[target] = bind
    return list(found.values())


def read_mounts(mounts: Any, filled: Format = str) -> list[Mapping[str, Any]]:
    """Parse mounts in any form that JupyterHub's DockerSpawner or the Docker library accepts.

    Args:
        mounts: arguments of `docker.types.Mount`, or instances of it.
        filled: function that fills in templates.

    Raises:
        TypeError: an entry has another form, or arguments are missing or unknown.
        DockerException: arguments contradict each other.
    """
    if not isinstance(mounts, list | tuple | None):
        raise TypeError(f"{mounts!r} is not a list of mounts")
    return [_mount(mount, filled) for mount in mounts or ()]


def _mount(mount: Any, filled: Format) -> Mapping[str, Any]:
    if not isinstance(mount, Mapping):
        raise TypeError(
            f"{mount!r} is not a mount: use a dictionary with the arguments of docker.types.Mount"
        )
    known = {name: filled(item) if isinstance(item, str) else item for name, item in mount.items()}
    sent: Mapping[str, Any] = known if "Target" in known else Mount(**{"source": None, **known})
    return sent
