"""Checks of settings at the start of the hub, and calls of settings that are functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from traitlets import validate

from plughub.threads import call
from plughub.utils import is_valid_ip
from plughub_docker.addresses import ALL_ADDRESSES
from plughub_docker.engine import Engine
from plughub_docker.extra_arguments import check_create_kwargs, check_host_config, check_network, merged
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.settings import DEFAULT_NETWORK, HOST_NETWORK, DockerSettings, format_volume_name
from plughub_docker.templates import check_template, fill_in
from plughub_docker.volumes import read_binds, read_mounts

Proposal = Mapping[str, Any]
_BRIDGE: Final = frozenset({"default", DEFAULT_NETWORK})


class CheckedSettings(DockerSettings):
    """Refuses settings that cannot work, and applies settings that are given within another one."""

    section: ClassVar[str] = "DockerSpawner"
    functions: ClassVar[tuple[str, ...]] = (
        "mem_limit",
        "cpu_limit",
        "mounts",
        "extra_host_config",
        "extra_create_kwargs",
    )
    """Settings that may be functions of the spawner, called before each start."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.take_over()

    # ---- when the hub starts

    @validate("volumes", "read_only_volumes")
    def _check_volumes(self, proposal: Proposal) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        self._check(name, read_binds, value, read_only=name == "read_only_volumes")
        if self.format_volume_name is format_volume_name:
            for template in _texts(value):
                self._check_template(name, template)
        return value

    @validate("mounts")
    def _check_mounts(self, proposal: Proposal) -> Any:
        if not callable(proposal["value"]):
            self._check("mounts", read_mounts, proposal["value"])
        return proposal["value"]

    @validate("name_template")
    def _check_name_template(self, proposal: Proposal) -> Any:
        self._check_template("name_template", proposal["value"])
        return proposal["value"]

    @validate("network_name")
    def _check_network_name(self, proposal: Proposal) -> Any:
        self._check("network_name", check_network, proposal["value"])
        return DEFAULT_NETWORK if proposal["value"] in _BRIDGE else proposal["value"]

    @validate("host_ip")
    def _check_host_ip(self, proposal: Proposal) -> Any:
        self._check("host_ip", _check_address, proposal["value"])
        return proposal["value"]

    @validate("extra_host_config")
    def _check_extra_host_config(self, proposal: Proposal) -> Any:
        if not callable(proposal["value"]):
            self._check("extra_host_config", check_host_config, proposal["value"])
        return proposal["value"]

    @validate("extra_start_kwargs")
    def _check_extra_start_kwargs(self, proposal: Proposal) -> Any:
        self._check("extra_start_kwargs", check_host_config, proposal["value"])
        return proposal["value"]

    @validate("extra_create_kwargs")
    def _check_extra_create_kwargs(self, proposal: Proposal) -> Any:
        if not callable(proposal["value"]):
            self._check("extra_create_kwargs", check_create_kwargs, proposal["value"])
        return proposal["value"]

    def _check(self, name: str, check: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        with as_setting_error(f"{self.section}.{name}"):
            check(*args, **kwargs)

    def _check_template(self, name: str, template: str) -> None:
        try:
            names = self.template_namespace()
        except Exception:  # noqa: BLE001 - an administrator's subclass may need a user, and there is none yet
            return
        self._check(name, check_template, template, names)

    # ---- the engine

    @property
    def engine(self) -> Engine:
        """Engine that runs the containers."""
        return Engine(self.client_kwargs, self.tls_config)

    @property
    def published_host(self) -> str:
        """Host on which published ports are reached; the engine's machine if they are published on all
        addresses.
        """
        return self.engine.host if self.host_ip in ALL_ADDRESSES else self.host_ip

    # ---- before each start

    async def call_functions(self) -> None:
        """Call the settings that are functions, and store their results for this start.

        Raises:
            SpawnFailed: a function returned an unusable value.
        """
        for name in self.functions:
            function = getattr(self, name)
            if callable(function):
                answer = await call(self.plugin, function, self)
                with as_setting_error(f"what the function {self.section}.{name} returned"):
                    setattr(self, name, self.traits()[name].default_value if answer is None else answer)
                    self.refuse_late_removal(name)
        self.take_over()

    def refuse_late_removal(self, name: str) -> None:
        """Refuse ``auto_remove`` that is known at a start only."""
        # Functions are called before a start only, and a stop has to know whether to remove the container.
        if name == "extra_host_config" and self.extra_host_config.get("auto_remove"):
            raise ValueError("'auto_remove' cannot come from a function or a call: set DockerSpawner.remove")

    def take_over(self) -> None:
        """Apply network and removal from ``extra_host_config``, where many configurations have them."""
        if callable(self.extra_host_config):
            return
        if self.extra_start_kwargs:
            self.extra_host_config = merged(self.extra_host_config, self.extra_start_kwargs)
        extra = self.extra_host_config
        if network := extra.get("network_mode"):
            if "{" in network:
                network = str(fill_in(network, self.template_namespace()))
            self.network_name = network
        # The hub removes the container, not the engine: its log is needed after it has ended.
        if extra.get("auto_remove"):
            self.remove = True
        if self.network_name == HOST_NETWORK and not self._port_is_set:
            self.port = self._default_port()  # on the host network, servers share one range of ports


def _check_address(value: str) -> None:
    if value and not is_valid_ip(value):
        raise ValueError(
            f"{value!r} is not an IP address. Given a host name, the engine publishes on all its addresses"
        )


def _texts(volumes: Mapping[str, Any]) -> list[str]:
    targets = [target["bind"] if isinstance(target, Mapping) else target for target in volumes.values()]
    return [*volumes, *targets]
