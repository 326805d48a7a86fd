"""Additional arguments for the engine, merged with those of the spawner.

The Docker library accepts many arguments in several forms. Where both the spawner and a setting have a value,
both are converted to the same form before they are merged.
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

import docker
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.types import HostConfig
from docker.types.containers import ContainerConfig

from plughub_docker.volumes import Bind, joined, read_binds, read_mounts

HOST_KEYS: Final = frozenset(inspect.signature(HostConfig).parameters) - {"version"}
CREATE_KEYS: Final = frozenset(inspect.signature(docker.APIClient.create_container).parameters) - {"self"}

_MERGED: Final = frozenset({"binds", "links", "mounts", "port_bindings", "network_mode", "auto_remove"})
_INSTEAD: Final = {"image": "DockerSpawner.image", "name": "DockerSpawner.name_template"}
_RAW: Final = {
    "Binds": "binds",
    "Links": "links",
    "Mounts": "mounts",
    "PortBindings": "port_bindings",
    "NetworkMode": "network_mode",
    "AutoRemove": "auto_remove",
}
_WITHOUT_ADDRESS: Final = ("none", "container:", "service:")


def check_host_config(value: Mapping[str, Any]) -> None:
    """Check ``extra_host_config`` at the start of the hub.

    Raises:
        ValueError: an argument is unknown or has an invalid form.
        TypeError: the Docker library refuses an argument.
        DockerException: the Docker library refuses an argument.
    """
    refuse_unknown(value, HOST_KEYS, "create_host_config")
    read_binds(value.get("binds"))
    read_links(value.get("links"))
    read_mounts(value.get("mounts"))
    read_port_bindings(value.get("port_bindings"))
    check_network(value.get("network_mode") or "")
    known = {key: item for key, item in value.items() if key not in _MERGED and not _has_template(item)}
    HostConfig(DEFAULT_DOCKER_API_VERSION, **known)


def check_create_kwargs(value: Mapping[str, Any]) -> None:
    """Check ``extra_create_kwargs`` at the start of the hub.

    Raises:
        ValueError: an argument is unknown or has an invalid form.
        TypeError: the Docker library refuses an argument.
        DockerException: the Docker library refuses an argument.
    """
    refuse_unknown(value, CREATE_KEYS, "create_container")
    for key, setting in _INSTEAD.items():
        if key in value:
            raise ValueError(f"{key!r} is set by {setting}: use that setting")
    for key, instead in _RAW.items():
        if key in (value.get("host_config") or {}):
            raise ValueError(
                f"'host_config' has {key!r}: set {instead!r} in DockerSpawner.extra_host_config instead"
            )
    read_environment(value.get("environment"))
    read_labels(value.get("labels"))
    read_ports(value.get("ports"))
    read_targets(value.get("volumes"))
    read_command(value.get("command"))
    apart = {"environment", "labels", "ports", "volumes", "command", "name", "platform", "use_config_proxy"}
    known = {key: item for key, item in value.items() if key not in apart and not _has_template(item)}
    ContainerConfig(DEFAULT_DOCKER_API_VERSION, image="", command=[], **known)


def refuse_unknown(value: Mapping[str, Any], known: frozenset[str], function: str) -> None:
    """Refuse arguments that a function of the Docker library does not accept.

    Raises:
        ValueError: an argument is unknown.
    """
    if unknown := sorted(str(key) for key in set(value) - known):
        raise ValueError(f"{unknown[0]!r} is not an argument of {function}")


def check_network(name: str) -> None:
    """Check that a server in a network has its own address.

    Raises:
        ValueError: it has none.
    """
    if str(name).startswith(_WITHOUT_ADDRESS):
        raise ValueError(f"a server in the network {name!r} has no address of its own")


def merge_host_config(
    base: Mapping[str, Any], binds: Iterable[Bind], extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge ``extra_host_config`` into the spawner's arguments of `create_host_config`.

    Args:
        base: the spawner's arguments; ``extra`` overrides single values.
        binds: the spawner's binds.
        extra: the setting, filled in, with network and removal already applied.
    """
    rest = {key: item for key, item in extra.items() if key not in _MERGED}
    merged_binds = joined(binds, read_binds(extra.get("binds")))
    ports = {
        **read_port_bindings(base.get("port_bindings")),
        **read_port_bindings(extra.get("port_bindings")),
    }
    return {
        **merged(base, rest),
        "binds": [bind.text for bind in merged_binds],
        "links": list(dict.fromkeys([*read_links(base.get("links")), *read_links(extra.get("links"))])),
        "mounts": [*base.get("mounts", ()), *read_mounts(extra.get("mounts"))],
        **({"port_bindings": ports} if ports else {}),
    }


def merge_create_arguments(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Merge ``extra_create_kwargs`` into the spawner's arguments of `create_container`.

    Args:
        base: the spawner's arguments; ``extra`` overrides single values.
        extra: the setting, filled in, with its command already applied.
    """
    forms = {
        "environment": read_environment,
        "labels": read_labels,
        "ports": read_ports,
        "volumes": read_targets,
    }
    changes = {
        key: forms[key](item) if key in forms else item for key, item in extra.items() if key != "command"
    }
    return merged({key: forms[key](item) if key in forms else item for key, item in base.items()}, changes)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a dictionary with changes: nested dictionaries are merged, lists are joined."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merged(old, value)
        elif isinstance(old, list) and isinstance(value, list | tuple):
            result[key] = [*old, *(item for item in value if item not in old)]
        else:
            result[key] = value
    return result


def read_environment(value: Any) -> dict[str, Any]:
    """Parse variables: a dictionary, or a list of strings such as ``NAME=value``."""
    if isinstance(value, Mapping):
        return dict(value)
    pairs = [text.partition("=") for text in _texts(value, "NAME=value")]
    return {name: text if separator else None for name, separator, text in pairs}


def read_labels(value: Any) -> dict[str, str]:
    """Parse labels: a dictionary, or a list of names."""
    return (
        dict(value) if isinstance(value, Mapping) else dict.fromkeys(_texts(value, "the name of a label"), "")
    )


def read_targets(value: Any) -> list[str]:
    """Parse volume paths in a container: a list, a dictionary by path, or a single path."""
    return _texts([value] if isinstance(value, str) else list(value or ()), "a path in the container")


def read_command(value: Any) -> list[str]:
    """Parse a command: a list of strings, or a string that is split like a shell command."""
    return shlex.split(value) if isinstance(value, str) else _texts(value, "a part of the command")


def read_ports(value: Any) -> dict[str, Any]:
    """Parse container ports: a list of numbers or (number, protocol) pairs, or a dictionary by port."""
    if not isinstance(value, Mapping | list | tuple | None):
        raise TypeError(f"{value!r} is not a list of ports")
    return {_port(port): {} for port in value or ()}


def read_port_bindings(value: Any) -> dict[str, Any]:
    """Parse published ports: bindings by ``port/protocol``."""
    if not isinstance(value, Mapping | None):
        raise TypeError(f"port_bindings is {value!r}: it must be a dictionary")
    return {_port(port): binding for port, binding in (value or {}).items()}


def read_links(value: Any) -> list[tuple[str, str]]:
    """Parse links: a dictionary of aliases by container, or a list of pairs or ``db:alias`` strings."""
    if isinstance(value, Mapping):
        return [(str(name), str(alias or "")) for name, alias in value.items()]
    if not isinstance(value, list | tuple | None):
        raise TypeError(f"{value!r} is not a list of links")
    return [_link(one) for one in value or ()]


def _link(one: Any) -> tuple[str, str]:
    pair = one.split(":") if isinstance(one, str) else one
    if not isinstance(pair, list | tuple) or len(pair) not in {1, 2}:
        raise TypeError(f"{one!r} is not a link: use (container, alias)")
    return str(pair[0]), str(pair[1] or "") if len(pair) > 1 else ""


def _port(value: Any) -> str:
    port, protocol = value if isinstance(value, tuple) and len(value) == 2 else (value, "")  # noqa: PLR2004 - a pair
    text = str(port)
    return text if "/" in text else f"{text}/{protocol or 'tcp'}"


def _texts(value: Any, form: str) -> list[str]:
    if not isinstance(value, list | tuple | None) or not all(isinstance(one, str) for one in value or ()):
        raise TypeError(f"{value!r} is invalid: use a list in which each item is {form}")
    return list(value or ())


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{" in value
    if isinstance(value, Mapping):
        return any(_has_template(one) for pair in value.items() for one in pair)
    return isinstance(value, list | tuple) and any(_has_template(one) for one in value)
