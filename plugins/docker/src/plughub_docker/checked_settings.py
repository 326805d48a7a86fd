"""Checks of settings when the hub starts, and functions of config files that give settings of one server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from traitlets import validate

from plughub.threads import call
from plughub.utils import is_valid_ip
from plughub_docker.addresses import ALL_ADDRESSES
from plughub_docker.engine import Engine
from plughub_docker.extras import check_create_kwargs, check_host_config, check_network
from plughub_docker.faults import naming
from plughub_docker.settings import DEFAULT_NETWORK, HOST_NETWORK, DockerSettings, format_volume_name
from plughub_docker.templates import check_template, fill_in
from plughub_docker.volumes import read_binds, read_mounts

Proposal = Mapping[str, Any]
_BRIDGE: Final = frozenset({"default", DEFAULT_NETWORK})


class CheckedSettings(DockerSettings):
    """Refuses what cannot work with the setting's name, and takes over what stands in another setting."""

    section: ClassVar[str] = "DockerSpawner"
    functions: ClassVar[tuple[str, ...]] = (
        "mem_limit",
        "cpu_limit",
        "mounts",
        "extra_host_config",
        "extra_create_kwargs",
    )
    """Settings that may be functions of the spawner, which are called before each start."""

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

    @validate("extra_create_kwargs")
    def _check_extra_create_kwargs(self, proposal: Proposal) -> Any:
        if not callable(proposal["value"]):
            self._check("extra_create_kwargs", check_create_kwargs, proposal["value"])
        return proposal["value"]

    def _check(self, name: str, check: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        with naming(f"{self.section}.{name}"):
            check(*args, **kwargs)

    def _check_template(self, name: str, template: str) -> None:
        try:
            names = self.template_namespace()
        except Exception:  # noqa: BLE001 - a class of the administrator's may need a user, and there is none yet
            return
        self._check(name, check_template, template, names)

    # ---- the engine

    @property
    def engine(self) -> Engine:
        """The engine that the containers run on."""
        return Engine(self.client_kwargs, self.tls_config)

    @property
    def reached_at(self) -> str:
        """Host at which published ports are reached; one of all addresses is that of the engine's machine."""
        return self.engine.host if self.host_ip in ALL_ADDRESSES else self.host_ip

    # ---- before each start

    async def call_functions(self) -> None:
        """Call the functions that stand for settings, and take over what they say.

        Raises:
            SpawnFailed: one of them returned what cannot be used.
        """
        for name in self.functions:
            function = getattr(self, name)
            if callable(function):
                answer = await call(self.plugin, function, self)
                with naming(f"what the function {self.section}.{name} returned"):
                    setattr(self, name, self.traits()[name].default_value if answer is None else answer)
                    self._refuse_late_removal(name)
        self.take_over()

    def _refuse_late_removal(self, name: str) -> None:
        """Refuse what has to be known when a server stops: functions are called before a start only."""
        if name == "extra_host_config" and self.extra_host_config.get("auto_remove"):
            raise ValueError("'auto_remove' cannot come from a function: set DockerSpawner.remove")

    def take_over(self) -> None:
        """Take over network and removal from ``extra_host_config``, where configurations often have them.

        The engine itself removes nothing: a container that it removes takes its last words along.
        """
        extra = self.extra_host_config
        if callable(extra):
            return
        if network := extra.get("network_mode"):
            if "{" in network:
                network = str(fill_in(network, self.template_namespace()))
            self.network_name = network
        if extra.get("auto_remove"):
            self.remove = True
        if self.network_name == HOST_NETWORK and not self._port_is_set:
            self.port = self._default_port()  # there servers share their ports


def _check_address(value: str) -> None:
    if value and not is_valid_ip(value):
        raise ValueError(f"{value!r} is no address. Told a name, an engine publishes on all its addresses")


def _texts(volumes: Mapping[str, Any]) -> list[str]:
    targets = [target["bind"] if isinstance(target, Mapping) else target for target in volumes.values()]
    return [*volumes, *targets]
