"""What a service is made of: the arguments with which the swarm makes it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
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
from docker.types.services import convert_service_ports

from plughub_docker.creation import all_binds, all_mounts, command_of, extra_of
from plughub_docker.extras import merged, read_command, read_environment, read_labels, refuse_unknown
from plughub_docker.faults import naming
from plughub_docker.marks import address_labels, labels_of
from plughub_docker.volumes import PROPAGATIONS, READ_ONLY, Bind

if TYPE_CHECKING:
    from plughub_docker.swarm_spawner import SwarmSpawner

_FORMS: Final[Mapping[str, Callable[[Any], Any]]] = {"env": read_environment, "labels": read_labels}
NANOSECONDS: Final = 10**9
NEVER: Final = RestartPolicy(condition="none")
"""A server that ends stays so: whether it is started again is the hub's business."""


KNOWN: Final = {
    "extra_container_spec": ContainerSpec,
    "extra_resources_spec": Resources,
    "extra_placement_spec": Placement,
    "extra_task_spec": TaskTemplate,
    "extra_endpoint_spec": EndpointSpec,
}
"""What the settings with further arguments belong to."""


def check(name: str, value: Mapping[str, Any]) -> None:
    """Check a setting with further arguments as far as it can be known before a start.

    Args:
        name: of the setting.
        value: a dictionary.

    Raises:
        ValueError: an argument is unknown, or has a form that cannot be used.
    """
    made = KNOWN[name]
    refuse_unknown(value, frozenset(inspect.signature(made).parameters), made.__name__)
    if "image" in value:
        raise ValueError("'image' is set by SwarmSpawner.image: use that")
    if "container_spec" in value:
        raise ValueError("'container_spec' is set by SwarmSpawner.extra_container_spec: use that")
    read_environment(value.get("env"))
    if name == "extra_container_spec":
        read_labels(value.get("labels"))


def filled_extra(spawner: SwarmSpawner, name: str) -> dict[str, Any]:
    """Fill in a setting with further arguments; the swarm itself reads other templates in two braces.

    Args:
        spawner: the spawner.
        name: of the setting.

    Returns:
        The dictionary, filled in.
    """
    return extra_of(spawner, getattr(spawner, name), unescape=False)


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
    container = _container(spawner, image_command, list(secrets))
    with naming("SwarmSpawner.extra_resources_spec"):
        resources = Resources(**_resources(spawner))
    with naming("SwarmSpawner.extra_placement_spec"):
        placement = Placement(**filled_extra(spawner, "extra_placement_spec"))
    arguments = {
        "container_spec": container,
        "resources": resources,
        "placement": placement,
        "networks": [spawner.network_name] if spawner.network_name else None,
        "restart_policy": NEVER,
    }
    with naming("SwarmSpawner.extra_task_spec"):
        return TaskTemplate(**merged(arguments, filled_extra(spawner, "extra_task_spec")))


def _container(
    spawner: SwarmSpawner, image_command: list[str], secrets: list[SecretReference]
) -> ContainerSpec:
    with naming("SwarmSpawner.volumes", "SwarmSpawner.read_only_volumes"):
        volumes = [_mount(spawner, bind) for bind in all_binds(spawner)]
    further = filled_extra(spawner, "extra_container_spec")
    with naming("SwarmSpawner.extra_container_spec"):
        given = read_command(further.pop("args", None))
        base: dict[str, Any] = {
            "image": spawner.image,
            "args": command_of(spawner, image_command, given) or None,
            "env": {**spawner.get_env(), "JUPYTER_IMAGE_SPEC": spawner.image},
            "mounts": [*volumes, *all_mounts(spawner)],
            **({"secrets": secrets} if secrets else {}),
            "stop_grace_period": spawner.stop_timeout * NANOSECONDS,
        }
        further |= {key: read(further[key]) for key, read in _FORMS.items() if key in further}
        container = merged(base, further)
        container["labels"] = {**container.get("labels", {}), **labels(spawner)}
        return ContainerSpec(**container)


def endpoint_spec(spawner: SwarmSpawner) -> EndpointSpec:
    """Say how the service is reached.

    Args:
        spawner: the spawner about to start.

    Returns:
        By its name in the network; or by a port that its node publishes and chooses.
    """
    published = [{"Protocol": "tcp", "TargetPort": spawner.port, "PublishMode": "host"}]
    base = {"mode": "dnsrr"} if spawner.is_internal else {"ports": published}
    with naming("SwarmSpawner.extra_endpoint_spec"):
        further = filled_extra(spawner, "extra_endpoint_spec")
        if further.get("ports"):
            further["ports"] = convert_service_ports(further["ports"])
        return EndpointSpec(**merged(base, further))


def _resources(spawner: SwarmSpawner) -> dict[str, Any]:
    cores = {"cpu_limit": spawner.cpu_limit, "cpu_reservation": spawner.cpu_guarantee}
    memory = {"mem_limit": spawner.mem_limit, "mem_reservation": spawner.mem_guarantee}
    base = {name: int(value * NANOSECONDS) for name, value in cores.items() if value}
    base |= {name: value for name, value in memory.items() if value}
    return merged(base, filled_extra(spawner, "extra_resources_spec"))


def _mount(spawner: SwarmSpawner, bind: Bind) -> Mount:
    common = {"target": bind.target, "source": bind.source, "read_only": READ_ONLY in bind.options}
    if bind.source.startswith("/"):
        propagation = next((one for one in bind.options if one in PROPAGATIONS), None)
        return Mount(type="bind", propagation=propagation, **common)
    driver = None
    if spawner.volume_driver:
        options = filled_extra(spawner, "volume_driver_options")
        driver = DriverConfig(spawner.volume_driver, options or None)
    return Mount(type="volume", driver_config=driver, **common)
