"""What is mounted into containers."""

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
    """A folder or volume in a container.

    Attributes:
        source: path on the engine's machine, or name of a volume; empty for a volume without name.
        target: path in the container.
        mode: such as ``rw`` or ``ro,z``; empty for the engine's default.
    """

    source: str
    target: str
    mode: str = ""

    @property
    def text(self) -> str:
        """The bind as the engine takes it."""
        return ":".join(filter(None, (self.source, self.target, self.mode)))

    @property
    def options(self) -> list[str]:
        """The parts of the mode."""
        return self.mode.split(",")


def read_binds(volumes: Any, filled: Format = str, *, read_only: bool = False) -> list[Bind]:
    """Read folders and volumes in any form that DockerSpawner and the Docker library take.

    Args:
        volumes: path in the container by source, or a dictionary with ``bind``, ``mode`` or ``ro``, and
            ``propagation``; or a list of texts such as ``source:path:ro``.
        filled: fills in templates.
        read_only: the container may not write there.

    Returns:
        The binds.

    Raises:
        TypeError: something in it is none of these.
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
        raise TypeError(f"{source!r} leads to {target!r}: give a path, or a dictionary with one as 'bind'")
    if unknown := sorted(str(key) for key in set(target) - _KEYS):
        raise ValueError(
            f"{source!r} has the unknown key {unknown[0]!r}: known are {', '.join(sorted(_KEYS))}"
        )
    if "ro" in target and "mode" in target:
        raise ValueError(f"{source!r} has both 'ro' and 'mode': leave one out")
    mode = target.get("mode", READ_ONLY if target.get("ro") else default)
    parts = [str(part) for part in (mode, target.get("propagation")) if part]
    return Bind(source, filled(target["bind"]), ",".join(parts))


def _of_text(text: str) -> Bind:
    parts = text.split(":")
    if len(parts) == 1:
        return Bind("", text)
    if len(parts) > 3 or not parts[1]:  # noqa: PLR2004 - source, path and mode
        raise ValueError(f"{text!r} is no bind: write source:path or source:path:mode")
    return Bind(*parts)


def _refuse(value: Any) -> Bind:
    raise TypeError(f"{value!r} is no bind: give a dictionary, or a list of texts such as 'source:path:ro'")


def _only_read(bind: Bind) -> Bind:
    if READ_WRITE in bind.options:
        raise ValueError(f"{bind.source!r} has the mode {bind.mode!r}, but what is here is only read")
    kept = [option for option in bind.options if option not in {"", READ_ONLY}]
    return Bind(bind.source, bind.target, ",".join([READ_ONLY, *kept]))


def joined(*lists: Iterable[Bind]) -> list[Bind]:
    """Put binds of several settings together.

    Args:
        lists: binds; a later one changes the mode of the same source at the same path.

    Returns:
        All of them.

    Raises:
        ValueError: two sources want the same path in the container.
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
    """Read mounts in any form that DockerSpawner and the Docker library take.

    Args:
        mounts: arguments of `docker.types.Mount`, or what it makes of them.
        filled: fills in templates.

    Returns:
        The mounts as the engine takes them.

    Raises:
        TypeError: something in it is none of these; arguments are missing or unknown.
        DockerException: arguments do not fit each other.
    """
    if not isinstance(mounts, list | tuple | None):
        raise TypeError(f"{mounts!r} is no list of mounts")
    return [_mount(mount, filled) for mount in mounts or ()]


def _mount(mount: Any, filled: Format) -> Mapping[str, Any]:
    if not isinstance(mount, Mapping):
        raise TypeError(f"{mount!r} is no mount: give the arguments of docker.types.Mount as a dictionary")
    known = {name: filled(item) if isinstance(item, str) else item for name, item in mount.items()}
    made: Mapping[str, Any] = known if "Target" in known else Mount(**{"source": None, **known})
    return made
