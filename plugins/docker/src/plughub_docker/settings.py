"""Settings of `DockerSpawner`, with the names that JupyterHub's configuration files use."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from traitlets import Any as AnyTrait
from traitlets import (
    Bool,
    CaselessStrEnum,
    Dict,
    Float,
    Integer,
    List,
    Unicode,
    Union,
    default,
    observe,
    validate,
)

from plughub.names import escape
from plughub.traitlets import ByteSpecification, Callable, Command
from plughub.utils import is_valid_ip, random_port
from plughub_docker.legacy_names import LegacyNames
from plughub_docker.setting_errors import as_setting_error
from plughub_docker.templates import fill_in_all
from plughub_docker.timings import POLL_SECONDS

HOST_NETWORK: Final = "host"
DEFAULT_NETWORK: Final = "bridge"
LOOPBACK: Final = "127.0.0.1"
FIXED_PORT: Final = 8888
_SEPARATORS: Final = re.compile("[/:@]")
"""Characters that separate the parts of an image name; container names do not allow them."""


class OptionalCommand(Command):
    """A command, or none: JupyterHub's DockerSpawner accepts None or False for no command."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minlen=0, **kwargs)

    def set(self, obj: Any, value: Any) -> None:
        """Set the command; None and False mean no command."""
        super().set(obj, [] if value is None or value is False else value)


class DockerSettings(LegacyNames):
    """Settings of `DockerSpawner`, with their defaults."""

    # ---- the image

    image = Unicode(
        "quay.io/jupyterhub/singleuser:6.1",
        help="Image of the containers; it must contain jupyterhub-singleuser.",
    ).tag(config=True)
    allowed_images: Any = Union(
        [List(Unicode()), Dict(value_trait=Unicode()), Unicode(), Callable()],
        default_value=[],
        allow_none=True,
        help="Images that users may choose from: a list, a dictionary that maps display names to images, a "
        "function of the spawner that returns one of these, or '*' to allow any image. Empty: users "
        "cannot choose an image.",
    ).tag(config=True)
    pull_policy = CaselessStrEnum(
        ["always", "ifnotpresent", "never", "skip"],
        default_value="ifnotpresent",
        help="When to pull the image: always; ifnotpresent; never (the start fails if the image is "
        "missing); skip (do not check).",
    ).tag(config=True)

    # ---- names

    prefix = Unicode("jupyter", help="Prefix of container names.").tag(config=True)
    name_template = Unicode(
        help="Template for container names. {prefix}, {username}, {servername}, {raw_username}, "
        "{raw_servername} and {imagename} are replaced. Default: {prefix}-{username}, and "
        "{prefix}-{username}--{servername} for named servers."
    ).tag(config=True)
    escape: Any = AnyTrait(
        help="Function that converts the names of users and servers for use in names of containers and "
        "volumes. The default never maps two names to the same result."
    ).tag(config=True)

    # ---- the engine

    client_kwargs: dict[str, Any] = Dict(help="Arguments of docker.APIClient, such as base_url.").tag(  # type: ignore[assignment]
        config=True
    )
    tls_config: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Arguments of docker.tls.TLSConfig, for an engine that is reached over TLS."
    ).tag(config=True)

    concurrent_launches = Integer(
        4,
        min=1,
        help="Number of containers that the hub creates at the same time. With a higher number, a "
        "burst of starts delays every server, not only the last ones, unless the engine has many cores.",
    ).tag(config=True)

    # ---- what is mounted

    volumes: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Folders and volumes to mount: {source: path in the container}, or {source: {'bind': path, "
        "'mode': 'rw'}}. Source and path are templates, as in name_template."
    ).tag(config=True)
    read_only_volumes: dict[str, Any] = Dict(help="Like volumes, but mounted read-only.").tag(config=True)  # type: ignore[assignment]
    mounts: Any = Union(
        [List(), Callable()],
        default_value=[],
        help="Mounts: a list of dictionaries with the arguments of docker.types.Mount, or a function of "
        "the spawner that returns such a list.",
    ).tag(config=True)
    certs_volume_name = Unicode(
        help="Name of the volume for a server's certificate (JupyterHub.internal_ssl): a template, as in "
        "name_template, which must not give two servers the same name. The volume is removed with its "
        "container. Default: an unnamed volume."
    ).tag(config=True)
    format_volume_name: Any = AnyTrait(
        help="Function that takes a template and the spawner, and returns the name of the volume."
    ).tag(config=True)

    # ---- the network

    host_ip = Unicode(help="Address on which the ports of containers are published.").tag(config=True)
    network_name = Unicode(
        DEFAULT_NETWORK,
        help="Network of the containers. In a network other than bridge and host, containers are reached "
        "at their own address, and the proxy must be in that network too.",
    ).tag(config=True)
    use_internal_ip = Bool(
        help="Reach containers at their own address instead of a published port. Default: on in a "
        "user-defined network."
    ).tag(config=True)
    use_internal_hostname = Bool(
        help="Reach containers by name, which Docker's networks resolve. Default: on in a user-defined "
        "network if JupyterHub.internal_ssl is set."
    ).tag(config=True)
    links: dict[str, str] = Dict(help="Legacy links: {container: alias}.").tag(config=True)  # type: ignore[assignment]

    # ---- the container

    cmd = OptionalCommand(help="Command that starts the server. Default: the command of the image.").tag(
        config=True
    )
    remove = Bool(
        False,
        help="Remove the container when the server stops. If off, the next start resumes the container, "
        "with the files written in it.",
    ).tag(config=True)
    extra_create_kwargs: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="Additional arguments of create_container: a dictionary, or a function of the spawner that "
        "returns one.",
    ).tag(config=True)
    extra_host_config: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="Additional arguments of create_host_config: a dictionary, or a function of the spawner that "
        "returns one.",
    ).tag(config=True)
    extra_start_kwargs: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Additional arguments of create_host_config, which override extra_host_config: older Docker "
        "libraries accept them when a container is started."
    ).tag(config=True)
    post_start_cmd = OptionalCommand(
        help="Command to run in the container after it has started. It is not passed to a shell."
    ).tag(config=True)
    stop_timeout = Integer(10, help="Seconds between SIGTERM and SIGKILL when a server stops.").tag(
        config=True
    )
    mem_limit: Any = Union(
        [ByteSpecification(), Callable()],
        default_value=None,
        allow_none=True,
        help="Memory limit of a server, in bytes or with a suffix, such as 2G; or a function of the "
        "spawner that returns it.",
    ).tag(config=True)
    cpu_limit: Any = Union(
        [Float(), Callable()],
        default_value=None,
        allow_none=True,
        help="Limit of CPU cores of a server, such as 0.5; or a function of the spawner that returns it.",
    ).tag(config=True)

    # ---- filled in

    _port_is_set: bool = False

    object_id = Unicode(help="Id of the container.")
    object_name = Unicode(help="Name of the container.")

    @default("ip")
    def _all_interfaces(self) -> str:
        return "0.0.0.0"  # noqa: S104 - of the container

    @default("port")
    def _default_port(self) -> int:
        return random_port() if self.network_name == HOST_NETWORK else FIXED_PORT

    @observe("port")
    def _note_port(self, _change: Mapping[str, Any]) -> None:
        self._port_is_set = True

    @default("env_keep")
    def _nothing_of_the_hub(self) -> list[str]:
        return []

    @default("poll_interval")
    def _default_poll_interval(self) -> int:
        return POLL_SECONDS

    @default("host_ip")
    def _default_host_ip(self) -> str:
        remote = urlsplit(os.environ.get("DOCKER_HOST", ""))
        host = remote.hostname or LOOPBACK if remote.scheme == "tcp" else LOOPBACK
        return host if is_valid_ip(host) else _address_of(host)

    @default("use_internal_ip")
    def _default_use_internal_ip(self) -> bool:
        return self.network_name not in {DEFAULT_NETWORK, HOST_NETWORK}

    @default("use_internal_hostname")
    def _default_use_internal_hostname(self) -> bool:
        return self.internal_ssl and self.use_internal_ip and self.network_name != DEFAULT_NETWORK

    @default("will_resume")
    def _default_will_resume(self) -> bool:
        return not self.remove

    @default("name_template")
    def _default_name_template(self) -> str:
        return "{prefix}-{username}--{servername}" if self.name else "{prefix}-{username}"

    @default("object_name")
    def _default_object_name(self) -> str:
        with as_setting_error("DockerSpawner.name_template"):
            template = self.name_template or self._default_name_template()
            return fill_in_all(template, self.template_namespace())

    @default("escape")
    def _default_escape(self) -> Any:
        return escape

    @default("format_volume_name")
    def _default_format_volume_name(self) -> Any:
        return format_volume_name

    @validate("escape")
    def _check_escape(self, proposal: Mapping[str, Any]) -> Any:
        if proposal["value"] == "legacy":
            raise ValueError(
                "DockerSpawner.escape: 'legacy' is not supported, because it can give two servers the same "
                "container. Without it, volumes get other names: see docs/moving.md for how to keep them"
            )
        if not callable(proposal["value"]):
            raise TypeError(f"DockerSpawner.escape must be a function, not {proposal['value']!r}")
        return proposal["value"]

    @property
    def escaped_name(self) -> str:
        """Name of the user, as used in names of containers and volumes."""
        return str(self.escape(self.user.name))

    def template_namespace(self) -> dict[str, Any]:
        """Return the values that templates of containers and volumes may use."""
        username = self.escaped_name
        return {
            **super().template_namespace(),
            "username": username,
            "safe_username": username,
            "raw_username": self.user.name,
            "servername": self.escape(self.name),
            "raw_servername": self.name,
            "imagename": _SEPARATORS.sub("-", self.image),
            "prefix": self.prefix,
        }


def _address_of(host: str) -> str:
    """Resolve the host name of the engine's machine."""
    try:
        # The engine must get an address: given a name, it publishes on all its addresses.
        return str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0])
    except OSError as error:
        raise ValueError(
            f"cannot resolve the engine's host {host!r}: set DockerSpawner.host_ip ({error})"
        ) from error


def format_volume_name(template: str, spawner: DockerSettings) -> str:
    """Fill in a volume template with the names of a spawner.

    Raises:
        ValueError: the template has an unknown field.
    """
    return fill_in_all(template, spawner.template_namespace())
