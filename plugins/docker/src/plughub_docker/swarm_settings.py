"""Settings of `SwarmSpawner`, with the names that JupyterHub's configuration files use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from traitlets import Bool, CaselessStrEnum, Dict, Integer, Unicode, Union, default, validate

from plughub.traitlets import Callable
from plughub_docker import service_spec
from plughub_docker.reachable_services import ReachableServices
from plughub_docker.timings import SWARM_POLL_SECONDS

LONGEST_NAME: Final = 63
EXTRAS: Final = tuple(service_spec.KNOWN)


def _extra(about: str) -> Any:
    return Union(
        [Dict(), Callable()],
        default_value={},
        help=f"Additional arguments of {about}: a dictionary with templates, or a function of the spawner "
        "that returns one.",
    ).tag(config=True)


class SwarmSettings(ReachableServices):
    """Settings of `SwarmSpawner`, with their defaults."""

    section: ClassVar[str] = "SwarmSpawner"
    functions: ClassVar[tuple[str, ...]] = (*ReachableServices.functions, *EXTRAS, "volume_driver_options")

    pull_policy = CaselessStrEnum(
        ["always", "ifnotpresent", "never", "skip"],
        default_value="skip",
        help="When the manager pulls the image: always; ifnotpresent; never (the start fails if the image "
        "is missing); skip (each node pulls images that it lacks).",
    ).tag(config=True)
    network_name = Unicode(
        help="Overlay network of the services. Proxy and hub must be in it, and reach a server by the name "
        "of its service. If not set, each node publishes a port that it chooses, on all its "
        "addresses."
    ).tag(config=True)
    host_ip = Unicode(
        help="Host on which published ports are reached. Default: the node that runs the server."
    ).tag(config=True)
    remove = Bool(True, help="Always on: a service is removed when its server stops.").tag(config=True)
    pending_timeout = Integer(
        30,
        help="Seconds that a server may wait for a node with free resources before its start fails with "
        "the reason.",
    ).tag(config=True)
    extra_container_spec: Any = _extra("docker.types.ContainerSpec")
    extra_resources_spec: Any = _extra("docker.types.Resources")
    extra_placement_spec: Any = _extra("docker.types.Placement, such as constraints")
    extra_task_spec: Any = _extra("docker.types.TaskTemplate")
    extra_endpoint_spec: Any = _extra("docker.types.EndpointSpec")
    volume_driver = Unicode(help="Volume driver that makes volumes available on every node.").tag(config=True)
    volume_driver_options: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="Options of SwarmSpawner.volume_driver: a dictionary with templates, or a function of the "
        "spawner that returns one.",
    ).tag(config=True)

    @validate(*EXTRAS)
    def _check_extra_spec(self, proposal: Mapping[str, Any]) -> Any:
        name = proposal["trait"].name
        if not callable(proposal["value"]):
            self._check(name, service_spec.check, name, proposal["value"])
        return proposal["value"]

    @validate("host_ip")
    def _check_host_ip(self, proposal: Mapping[str, Any]) -> Any:
        """Accept a host name too: hub and proxy resolve it, not the swarm."""
        return proposal["value"]

    @validate("remove")
    def _always_removed(self, proposal: Mapping[str, Any]) -> bool:
        if not proposal["value"]:
            self.warn_once("SwarmSpawner.remove has no effect: a service is removed when its server stops")
        return True

    @default("use_internal_ip")
    def _default_use_internal_ip(self) -> bool:
        return bool(self.network_name)

    @default("poll_interval")
    def _default_poll_interval(self) -> int:
        return SWARM_POLL_SECONDS

    @default("host_ip")
    def _default_host_ip(self) -> str:
        return ""

    @default("object_name")
    def _default_object_name(self) -> str:
        return short_name(super()._default_object_name())

    def take_over(self) -> None:
        """Apply nothing: a swarm does not use ``extra_host_config``."""


def short_name(name: str) -> str:
    """Shorten a name to the 63 characters that services may have; two names never give the same result."""
    if len(name) < LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"{name[:30]}-{digest[: LONGEST_NAME - 31]}"
