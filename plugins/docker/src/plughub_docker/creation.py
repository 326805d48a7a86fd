"""What a container is made of: the arguments with which the engine makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from docker.types import Mount

from plughub_docker import cloning
from plughub_docker.marks import address_labels, labels_of
from plughub_docker.volumes import binds_of, fill_in, mounts_of

if TYPE_CHECKING:
    from plughub_docker.spawner import DockerSpawner

CPU_PERIOD = 100_000
CPU_SHARES = 1024


def create_arguments(
    spawner: DockerSpawner, image_command: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Put the arguments for a container together.

    Args:
        spawner: the spawner about to start.
        image_command: the command of the image.

    Returns:
        Arguments of `create_container` and of `create_host_config`; the environment in them holds a secret.
    """
    extra = extra_of(spawner, spawner.extra_create_kwargs)
    binds = binds_of(spawner.volumes, "rw", spawner.fill_in_volume)
    binds |= binds_of(spawner.read_only_volumes, "ro", spawner.fill_in_volume)
    arguments = {
        "image": spawner.image,
        "name": spawner.object_name,
        "command": command_of(spawner, image_command),
        "environment": {**spawner.get_env(), "JUPYTER_IMAGE_SPEC": spawner.image},
        "volumes": sorted(bind["bind"] for bind in binds.values()),
        "ports": [spawner.port],
        **spawner.own_arguments(),
        **_network_arguments(spawner),
    }
    arguments = merged(arguments, extra)
    arguments["labels"] = {
        **_as_labels(arguments.get("labels")),
        **labels_of(spawner.record, spawner.plugin, kept=not spawner.remove),
        **address_labels(
            spawner.port,
            spawner.server.proto,
            spawner.object_name if spawner.use_internal_hostname else "",
            spawner.published_port,
            spawner.fixed_address,
        ),
    }
    return arguments, host_arguments(spawner, binds)


def _network_arguments(spawner: DockerSpawner) -> dict[str, Any]:
    """Fix the address: one that the engine chooses may be another server's after the next start."""
    if not spawner.fixed_address:
        return {}
    endpoint = {"IPAMConfig": {"IPv4Address": spawner.fixed_address}}
    return {"networking_config": {"EndpointsConfig": {spawner.network_name: endpoint}}}


def host_arguments(spawner: DockerSpawner, binds: Mapping[str, Any]) -> dict[str, Any]:
    """Put the arguments for the host's side of a container together.

    Args:
        spawner: the spawner about to start.
        binds: what is mounted.

    Returns:
        Arguments of `create_host_config`.
    """
    config: dict[str, Any] = {
        "binds": dict(binds),
        "links": dict(spawner.links),
        "mounts": all_mounts(spawner),
        "network_mode": spawner.network_name,
        **limits(spawner),
    }
    if spawner.published_port:
        # A port that the engine chooses may be another server's after the next start of the container.
        config["port_bindings"] = {spawner.port: (spawner.host_ip, spawner.published_port)}
    return merged(config, extra_of(spawner, spawner.extra_host_config))


def command_of(spawner: DockerSpawner, image_command: list[str]) -> list[str]:
    """Give the command: that of the server, behind a script that clones where the user asked for that.

    Args:
        spawner: the spawner about to start.
        image_command: the command of the image.

    Returns:
        The command.
    """
    server = [*(spawner.cmd or image_command), *spawner.get_args()]
    if not spawner.repository:
        return server
    return cloning.command(spawner.repository, spawner.clone_folder, server)


def all_mounts(spawner: DockerSpawner) -> list[Mount]:
    """Give what ``mounts`` says, and what this kind of spawner mounts itself."""
    mounts = spawner.mounts(spawner) if callable(spawner.mounts) else spawner.mounts
    return [*mounts_of(mounts, spawner.fill_in_volume), *mounts_of(spawner.own_mounts(), str)]


def limits(spawner: DockerSpawner) -> dict[str, Any]:
    """Give the limits as the engine knows them.

    Args:
        spawner: the spawner.

    Returns:
        Memory in bytes, CPU as time in each period of 100 ms, and guarantees as reservation and weight.
    """
    quota = {"cpu_period": CPU_PERIOD, "cpu_quota": int(CPU_PERIOD * (spawner.cpu_limit or 0))}
    weight = max(2, int(CPU_SHARES * (spawner.cpu_guarantee or 0)))
    return {
        **({"mem_limit": spawner.mem_limit} if spawner.mem_limit else {}),
        **({"mem_reservation": spawner.mem_guarantee} if spawner.mem_guarantee else {}),
        **(quota if spawner.cpu_limit else {}),
        **({"cpu_shares": weight} if spawner.cpu_guarantee else {}),
    }


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one dictionary over another; dictionaries inside are merged, lists are joined.

    Args:
        base: what was.
        changes: what is laid over it.

    Returns:
        A new dictionary.
    """
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            result[key] = merged(old, value)
        elif isinstance(old, list) and isinstance(value, list) and key != "command":
            result[key] = [*old, *(item for item in value if item not in old)]
        else:
            result[key] = value
    return result


def extra_of(spawner: DockerSpawner, setting: Any) -> dict[str, Any]:
    """Read a setting with further arguments.

    Args:
        spawner: the spawner.
        setting: a dictionary with templates, or a function of the spawner that gives one.

    Returns:
        The dictionary, filled in.
    """
    value = setting(spawner) if callable(setting) else setting
    filled: dict[str, Any] = fill_in(value or {}, spawner.template_namespace())
    return filled


def _as_labels(value: Any) -> dict[str, str]:
    return dict.fromkeys(value, "") if isinstance(value, list) else dict(value or {})
