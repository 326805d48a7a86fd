"""Arguments with which the swarm creates a service."""

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
from plughub_docker.extra_arguments import merged, read_command, read_environment, read_labels, refuse_unknown
from plughub_docker.marks import address_labels, labels_of
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.volumes import PROPAGATIONS, READ_ONLY, Bind

if TYPE_CHECKING:
    from plughub_docker.swarm_spawner import SwarmSpawner

_FORMS: Final[Mapping[str, Callable[[Any], Any]]] = {"env": read_environment, "labels": read_labels}
NANOSECONDS: Final = 10**9
NEVER: Final = RestartPolicy(condition="none")
"""Restart policy of the swarm: none, because the hub decides about restarts."""


KNOWN: Final = {
    "extra_container_spec": ContainerSpec,
    "extra_resources_spec": Resources,
    "extra_placement_spec": Placement,
    "extra_task_spec": TaskTemplate,
    "extra_endpoint_spec": EndpointSpec,
}
"""Types of the Docker library to which the settings with additional arguments belong."""


def check(name: str, value: Mapping[str, Any]) -> None:
    """Check a setting with additional arguments at the start of the hub.

    Args:
        name: name of the setting.
        value: a dictionary.

    Raises:
        ValueError: an argument is unknown or has an invalid form.
    """
    spec_type = KNOWN[name]
    refuse_unknown(value, frozenset(inspect.signature(spec_type).parameters), spec_type.__name__)
    if "image" in value:
        raise ValueError("'image' is set by SwarmSpawner.image: use that setting")
    if "container_spec" in value:
        raise ValueError("'container_spec' is set by SwarmSpawner.extra_container_spec: use that setting")
    read_environment(value.get("env"))
    if name == "extra_container_spec":
        read_labels(value.get("labels"))


def filled_extra(spawner: SwarmSpawner, name: str) -> dict[str, Any]:
    """Fill in the templates of a setting; double braces are left to the swarm's own templates."""
    return extra_of(spawner, getattr(spawner, name), unescape=False)


def labels(spawner: SwarmSpawner) -> dict[str, str]:
    """Return the labels of a service and its containers; they contain no secrets."""
    known = labels_of(spawner.record, spawner.plugin, kept=False)
    return {**known, **address_labels(spawner.port, spawner.server.proto)}


def task_template(
    spawner: SwarmSpawner, image_command: list[str], secrets: Iterable[SecretReference] = ()
) -> TaskTemplate:
    """Build the task template of the service; the environment in it contains the server's token.

    Args:
        spawner: the spawner.
        image_command: command of the image, if known.
        secrets: files that the swarm mounts into the container.
    """
    container = _container(spawner, image_command, list(secrets))
    with as_setting_error("SwarmSpawner.extra_resources_spec"):
        resources = Resources(**_resources(spawner))
    with as_setting_error("SwarmSpawner.extra_placement_spec"):
        placement = Placement(**filled_extra(spawner, "extra_placement_spec"))
    arguments = {
        "container_spec": container,
        "resources": resources,
        "placement": placement,
        "networks": [spawner.network_name] if spawner.network_name else None,
        "restart_policy": NEVER,
    }
    with as_setting_error("SwarmSpawner.extra_task_spec"):
        return TaskTemplate(**merged(arguments, filled_extra(spawner, "extra_task_spec")))


def _container(
    spawner: SwarmSpawner, image_command: list[str], secrets: list[SecretReference]
) -> ContainerSpec:
    with as_setting_error("SwarmSpawner.volumes", "SwarmSpawner.read_only_volumes"):
        volumes = [_mount(spawner, bind) for bind in all_binds(spawner)]
    further = filled_extra(spawner, "extra_container_spec")
    with as_setting_error("SwarmSpawner.extra_container_spec"):
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
    """Build the endpoint: by name in the network, or by a port that the node chooses and publishes."""
    published = [{"Protocol": "tcp", "TargetPort": spawner.port, "PublishMode": "host"}]
    base = {"mode": "dnsrr"} if spawner.is_internal else {"ports": published}
    with as_setting_error("SwarmSpawner.extra_endpoint_spec"):
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
