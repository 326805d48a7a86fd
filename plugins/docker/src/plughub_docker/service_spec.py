"""What a service is made of: the arguments with which the swarm makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from docker.types import (
    ContainerSpec,
    DriverConfig,
    EndpointSpec,
    Mount,
    Placement,
    Resources,
    RestartPolicy,
    SecretReference,
    TaskTemplate,
)

from plughub_docker.creation import all_mounts, command_of, extra_of, merged
from plughub_docker.marks import address_labels, labels_of
from plughub_docker.volumes import binds_of

if TYPE_CHECKING:
    from plughub_docker.swarm_spawner import SwarmSpawner

NANOSECONDS: Final = 10**9
NEVER: Final = RestartPolicy(condition="none")
"""A server that ends stays so: whether it is started again is the hub's business."""


def labels(spawner: SwarmSpawner) -> dict[str, str]:
    """Give the labels of a service and of its containers; no secret among them."""
    known = labels_of(spawner.record, spawner.plugin, kept=False)
    return {**known, **address_labels(spawner.port, spawner.server.proto)}


def task_template(
    spawner: SwarmSpawner, image_command: list[str], secrets: Iterable[SecretReference] = ()
) -> TaskTemplate:
    """Put together what the service runs.

    Args:
        spawner: the spawner about to start.
        image_command: the command of the image, as far as it is known.
        secrets: files that the swarm brings into the container.

    Returns:
        The template; the environment in it holds a secret.
    """
    container: dict[str, Any] = {
        "image": spawner.image,
        "args": command_of(spawner, image_command) or None,
        "env": {**spawner.get_env(), "JUPYTER_IMAGE_SPEC": spawner.image},
        "mounts": [*_volumes(spawner), *all_mounts(spawner)],
        **({"secrets": made} if (made := list(secrets)) else {}),
        "stop_grace_period": spawner.stop_timeout * NANOSECONDS,
    }
    container = merged(container, extra_of(spawner, spawner.extra_container_spec))
    container["labels"] = {**dict(container.get("labels") or {}), **labels(spawner)}
    arguments = {
        "container_spec": ContainerSpec(**container),
        "resources": Resources(**_resources(spawner)),
        "placement": Placement(**extra_of(spawner, spawner.extra_placement_spec)),
        "networks": [spawner.network_name] if spawner.network_name else None,
        "restart_policy": NEVER,
    }
    return TaskTemplate(**merged(arguments, extra_of(spawner, spawner.extra_task_spec)))


def endpoint_spec(spawner: SwarmSpawner) -> EndpointSpec:
    """Say how the service is reached.

    Args:
        spawner: the spawner about to start.

    Returns:
        By its name in the network; or by a port that its node publishes and chooses.
    """
    published = [{"Protocol": "tcp", "TargetPort": spawner.port, "PublishMode": "host"}]
    base = {"mode": "dnsrr"} if spawner.is_internal else {"ports": published}
    return EndpointSpec(**merged(base, extra_of(spawner, spawner.extra_endpoint_spec)))


def _resources(spawner: SwarmSpawner) -> dict[str, Any]:
    cores = {"cpu_limit": spawner.cpu_limit, "cpu_reservation": spawner.cpu_guarantee}
    memory = {"mem_limit": spawner.mem_limit, "mem_reservation": spawner.mem_guarantee}
    base = {name: int(value * NANOSECONDS) for name, value in cores.items() if value}
    base |= {name: value for name, value in memory.items() if value}
    return merged(base, extra_of(spawner, spawner.extra_resources_spec))


def _volumes(spawner: SwarmSpawner) -> list[Mount]:
    binds = binds_of(spawner.volumes, "rw", spawner.fill_in_volume)
    binds |= binds_of(spawner.read_only_volumes, "ro", spawner.fill_in_volume)
    return [_mount(spawner, source, bind) for source, bind in binds.items()]


def _mount(spawner: SwarmSpawner, source: str, bind: Mapping[str, str]) -> Mount:
    common = {"target": bind["bind"], "source": source, "read_only": "ro" in bind["mode"].split(",")}
    if source.startswith("/"):
        return Mount(type="bind", propagation=bind.get("propagation"), **common)
    driver = None
    if spawner.volume_driver:
        options = extra_of(spawner, spawner.volume_driver_options)
        driver = DriverConfig(spawner.volume_driver, options or None)
    return Mount(type="volume", driver_config=driver, **common)
