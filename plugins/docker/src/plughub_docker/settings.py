"""The settings of `DockerSpawner`, under the names that config files of JupyterHub use."""

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
from plughub_docker.faults import naming
from plughub_docker.legacy_names import OldNames
from plughub_docker.templates import fill_in_all
from plughub_docker.timings import POLL_SECONDS

HOST_NETWORK: Final = "host"
DEFAULT_NETWORK: Final = "bridge"
LOOPBACK: Final = "127.0.0.1"
FIXED_PORT: Final = 8888
_SEPARATORS: Final = re.compile("[/:@]")
"""What stands between the parts of an image's name, and in no name of a container."""


class OptionalCommand(Command):
    """A command, or none: JupyterHub's DockerSpawner writes None or False for it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(minlen=0, **kwargs)

    def set(self, obj: Any, value: Any) -> None:
        """Take None and False for no command."""
        super().set(obj, [] if value is None or value is False else value)


class DockerSettings(OldNames):
    """What can be set."""

    # ---- the image

    image = Unicode(
        "quay.io/jupyterhub/singleuser:6.1", help="Image of the containers; it needs jupyterhub-singleuser."
    ).tag(config=True)
    allowed_images: Any = Union(
        [List(Unicode()), Dict(value_trait=Unicode()), Unicode(), Callable()],
        default_value=[],
        allow_none=True,
        help="Images among which users may choose: a list, a dictionary of images by shown name, a function "
        "of the spawner that gives one of these, or '*' for any image at all. Empty: nothing can be chosen.",
    ).tag(config=True)
    pull_policy = CaselessStrEnum(
        ["always", "ifnotpresent", "never", "skip"],
        default_value="ifnotpresent",
        help="When to pull the image: always, ifnotpresent, never (it must be there), skip (do not look).",
    ).tag(config=True)

    # ---- names

    prefix = Unicode("jupyter", help="Begins the names of containers.").tag(config=True)
    name_template = Unicode(
        help="Name of the container; {prefix}, {username}, {servername}, {raw_username}, {raw_servername} "
        "and {imagename} are filled in. When not set: {prefix}-{username}, with --{servername} if it has one."
    ).tag(config=True)
    escape: Any = AnyTrait(
        help="Function that makes a name fit for names of containers and volumes. The default never makes "
        "one name of two."
    ).tag(config=True)

    # ---- the engine

    client_kwargs: dict[str, Any] = Dict(help="Arguments of docker.APIClient, such as base_url.").tag(  # type: ignore[assignment]
        config=True
    )
    tls_config: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Arguments of docker.tls.TLSConfig, for an engine that is reached by TLS."
    ).tag(config=True)

    concurrent_launches = Integer(
        4,
        min=1,
        help="Containers that the engine is asked to make at once. More make all of them late instead of the "
        "last ones, unless the engine has many cores.",
    ).tag(config=True)

    # ---- what is mounted

    volumes: dict[str, Any] = Dict(  # type: ignore[assignment]
        help="Folders and volumes: {source: path inside}, or {source: {'bind': path, 'mode': 'rw'}}. "
        "Source and path are templates such as name_template."
    ).tag(config=True)
    read_only_volumes: dict[str, Any] = Dict(help="Like volumes, but nobody can write there.").tag(
        config=True
    )  # type: ignore[assignment]
    mounts: Any = Union(
        [List(), Callable()],
        default_value=[],
        help="Mounts as docker.types.Mount takes them: a list of dictionaries, or a function of the spawner "
        "that gives one.",
    ).tag(config=True)
    certs_volume_name = Unicode(
        help="Volume for the certificate of a server (JupyterHub.internal_ssl), a template such as "
        "name_template that gives no two servers one name. It is removed with its container; when not set, "
        "it has no name."
    ).tag(config=True)
    format_volume_name: Any = AnyTrait(
        help="Function of template and spawner that fills in the templates of volumes."
    ).tag(config=True)

    # ---- the network

    host_ip = Unicode(help="Address at which ports of containers are published.").tag(config=True)
    network_name = Unicode(
        DEFAULT_NETWORK,
        help="Network of the containers. In one other than bridge and host they are reached by their own "
        "address, and the proxy must be in that network too.",
    ).tag(config=True)
    use_internal_ip = Bool(
        help="Reach containers by their own address instead of a published port; the default for networks of "
        "your own."
    ).tag(config=True)
    use_internal_hostname = Bool(
        help="Reach containers by their name, which Docker's networks resolve; the default for networks of "
        "your own with JupyterHub.internal_ssl."
    ).tag(config=True)
    links: dict[str, str] = Dict(help="Old-style links: {container: alias}.").tag(config=True)  # type: ignore[assignment]

    # ---- the container

    cmd = OptionalCommand(help="Command that starts the server; that of the image when not set.").tag(
        config=True
    )
    remove = Bool(
        False,
        help="Remove the container when the server stops. When off, the next start resumes it, with what was "
        "written in it.",
    ).tag(config=True)
    extra_create_kwargs: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="Further arguments of create_container: a dictionary, or a function of the spawner.",
    ).tag(config=True)
    extra_host_config: Any = Union(
        [Dict(), Callable()],
        default_value={},
        help="Further arguments of create_host_config: a dictionary, or a function of the spawner.",
    ).tag(config=True)
    post_start_cmd = OptionalCommand(
        help="Command that is run inside the container once it has started; no shell is involved."
    ).tag(config=True)
    stop_timeout = Integer(10, help="Seconds between SIGTERM and SIGKILL when a server is stopped.").tag(
        config=True
    )
    mem_limit: Any = Union(
        [ByteSpecification(), Callable()],
        default_value=None,
        allow_none=True,
        help="Most memory of a server, in bytes or such as 2G, or a function of the spawner.",
    ).tag(config=True)
    cpu_limit: Any = Union(
        [Float(), Callable()],
        default_value=None,
        allow_none=True,
        help="Most CPU cores of a server, such as 0.5, or a function of the spawner.",
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
        with naming("DockerSpawner.name_template"):
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
                "DockerSpawner.escape: 'legacy' can give two servers one container. Without it, volumes have "
                "other names: docs/moving.md says how to keep them"
            )
        if not callable(proposal["value"]):
            raise TypeError(f"DockerSpawner.escape has to be a function, not {proposal['value']!r}")
        return proposal["value"]

    @property
    def escaped_name(self) -> str:
        """Name of the user as it stands in names of containers and volumes."""
        return str(self.escape(self.user.name))

    def template_namespace(self) -> dict[str, Any]:
        """Name what may stand in braces in names of containers and volumes."""
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
    """Look up the address of an engine's machine: told a name, an engine publishes on all its addresses."""
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET)[0][4][0])
    except OSError as error:
        raise ValueError(
            f"the address of the engine's machine {host!r} is unknown: set DockerSpawner.host_ip ({error})"
        ) from error


def format_volume_name(template: str, spawner: DockerSettings) -> str:
    """Fill in a template of a volume.

    Args:
        template: the template.
        spawner: whose names are filled in.

    Returns:
        The text.

    Raises:
        ValueError: something else stands in braces.
    """
    return fill_in_all(template, spawner.template_namespace())
