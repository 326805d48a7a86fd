"""Arguments with which the engine creates a container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plughub_docker import creation_settings, repository_clone
from plughub_docker.extra_arguments import merge_create_arguments, merge_host_config, read_command, read_ports
from plughub_docker.marks import address_labels, labels_of
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.settings import DEFAULT_NETWORK, HOST_NETWORK
from plughub_docker.templates import fill_in
from plughub_docker.volumes import Bind, joined, read_binds, read_mounts

if TYPE_CHECKING:
    from plughub_docker.certificates import DockerCertificates
    from plughub_docker.spawner import DockerSpawner

CPU_PERIOD = 100_000
CPU_SHARES = 1024


def create_arguments(
    spawner: DockerSpawner, image_command: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build the arguments of `create_container` and of `create_host_config`.

    The environment in them contains the server's token.
    """
    extra = extra_of(spawner, spawner.extra_create_kwargs)
    host_extra = extra_of(spawner, spawner.extra_host_config)
    with as_setting_error("DockerSpawner.volumes", "DockerSpawner.read_only_volumes"):
        binds = spawner.binds()
    with as_setting_error("DockerSpawner.extra_host_config"):
        host = merge_host_config(host_arguments(spawner, host_extra), binds, host_extra)
    with as_setting_error("DockerSpawner.extra_create_kwargs"):
        command = read_command(extra.get("command"))
        arguments = {
            "image": spawner.image,
            "name": spawner.object_name,
            "command": command_of(spawner, image_command, command),
            "environment": {**spawner.get_env(), "JUPYTER_IMAGE_SPEC": spawner.image},
            "volumes": sorted({*spawner.volume_mount_points, *(bind.target for bind in binds)}),
            "ports": {f"{spawner.port}/tcp": {}, **read_ports(host.get("port_bindings"))},
            **spawner.own_arguments(),
            **_network_arguments(spawner, host),
        }
        arguments = merge_create_arguments(arguments, extra)
    described = {}
    if not spawner.remove:
        token = str(arguments["environment"].get(creation_settings.TOKEN) or "")
        described = creation_settings.label_of(creation_settings.describe(spawner, arguments, host), token)
    arguments["labels"] = {
        **arguments.get("labels", {}),
        **described,
        **labels_of(spawner.record, spawner.plugin, kept=not spawner.remove),
        **address_labels(
            spawner.port,
            spawner.server.proto,
            spawner.object_name if spawner.use_internal_hostname else "",
            _published(spawner, host),
            spawner.fixed_address,
        ),
    }
    return arguments, host


def _published(spawner: DockerSpawner, host: Mapping[str, Any]) -> int:
    """Return the published port that the hub chose; 0 if ``extra_host_config`` publishes the port."""
    chosen = (spawner.host_ip, spawner.published_port)
    return spawner.published_port if chosen in host.get("port_bindings", {}).values() else 0


def _network_arguments(spawner: DockerSpawner, host: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments for the container's network, and move links there."""
    endpoint: dict[str, Any] = {}
    # An address that the engine chooses may belong to another server after the next start.
    if spawner.fixed_address:
        endpoint["IPAMConfig"] = {"IPv4Address": spawner.fixed_address}
    # In a user-defined network, the engine ignores links in the host configuration.
    if host["links"] and spawner.network_name not in {DEFAULT_NETWORK, HOST_NETWORK}:
        endpoint["Links"] = [f"{name}:{alias}" if alias else name for name, alias in host.pop("links")]
    return {"networking_config": {"EndpointsConfig": {spawner.network_name: endpoint}}} if endpoint else {}


def host_arguments(spawner: DockerSpawner, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Build the arguments of `create_host_config`, without binds.

    Args:
        spawner: the spawner.
        extra: additional arguments, which the caller merges later.
    """
    config: dict[str, Any] = {
        "links": dict(spawner.links),
        "mounts": all_mounts(spawner),
        "network_mode": spawner.network_name,
        **limits(spawner, extra),
    }
    if spawner.published_port:
        # A port that the engine chooses may belong to another server after the next start of the container.
        config["port_bindings"] = {spawner.port: (spawner.host_ip, spawner.published_port)}
    return config


def command_of(spawner: DockerSpawner, image_command: list[str], given: Sequence[str] = ()) -> list[str]:
    """Return the command of the container: the server's, preceded by the clone script if there is a
    repository.

    Args:
        spawner: the spawner.
        image_command: the image's command.
        given: whole command from another setting than ``cmd``.
    """
    server = [*given] or [*(spawner.cmd or image_command), *spawner.get_args()]
    if not spawner.repository:
        return server
    return repository_clone.command(spawner.repository, spawner.clone_folder, server)


def all_binds(spawner: DockerCertificates) -> list[Bind]:
    """Return the binds of ``volumes`` and ``read_only_volumes``."""
    return joined(
        read_binds(spawner.volumes, spawner.fill_in_volume),
        read_binds(spawner.read_only_volumes, spawner.fill_in_volume, read_only=True),
    )


def all_mounts(spawner: DockerSpawner) -> list[Mapping[str, Any]]:
    """Return the mounts of ``mounts``, and those that this kind of spawner adds."""
    with as_setting_error("DockerSpawner.mounts"):
        return [*read_mounts(spawner.mounts, spawner.fill_in_volume), *read_mounts(spawner.own_mounts())]


def limits(spawner: DockerSpawner, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits as arguments of the engine.

    Args:
        spawner: the spawner.
        extra: additional arguments, which override the limits; their CPU period, if any, is used.
    """
    period = extra.get("cpu_period") or CPU_PERIOD
    quota = {"cpu_period": period, "cpu_quota": int(period * (spawner.cpu_limit or 0))}
    weight = max(2, int(CPU_SHARES * (spawner.cpu_guarantee or 0)))
    own = {
        **({"mem_limit": spawner.mem_limit} if spawner.mem_limit else {}),
        **({"mem_reservation": spawner.mem_guarantee} if spawner.mem_guarantee else {}),
        **(quota if spawner.cpu_limit and "nano_cpus" not in extra else {}),
        **({"cpu_shares": weight} if spawner.cpu_guarantee else {}),
    }
    replaced = sorted({*own, *({"nano_cpus"} if spawner.cpu_limit else ())} & set(extra) - {"cpu_period"})
    if replaced:
        spawner.warn_once(
            f"DockerSpawner.extra_host_config overrides limits of Spawner: {', '.join(replaced)}"
        )
    return own


def extra_of(spawner: DockerSpawner, value: Mapping[str, Any], *, unescape: bool = True) -> dict[str, Any]:
    """Fill in the templates of a dictionary of additional arguments."""
    filled: dict[str, Any] = fill_in(value, spawner.template_namespace(), unescape=unescape)
    return filled
