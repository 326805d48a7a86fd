"""Settings of JupyterHub's DockerSpawner that are renamed or have no effect here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from traitlets import Any as AnyTrait
from traitlets import Bool, Unicode, default, observe

from plughub.spawner import Spawner
from plughub.utils import unix_socket_path

NEW_NAMES: Final = {
    "container_ip": "host_ip",
    "container_port": "port",
    "container_image": "image",
    "image_whitelist": "allowed_images",
    "container_prefix": "prefix",
    "container_name_template": "name_template",
    "remove_containers": "remove",
}

_WARNED: Final[set[str]] = set()


def _old(new: str) -> Any:
    return AnyTrait(help=f"Former name of {new}.").tag(config=True)


def _without_effect() -> Any:
    return AnyTrait(help="No effect, as in JupyterHub: use tls_config.").tag(config=True)


OLD_TLS: Final = ("tls", "tls_verify", "tls_ca", "tls_cert", "tls_key", "tls_assert_hostname")


class LegacyNames(Spawner):
    """Forwards settings with former names."""

    container_ip = _old("host_ip")
    container_port = _old("port")
    container_image = _old("image")
    image_whitelist = _old("allowed_images")
    container_prefix = _old("prefix")
    container_name_template = _old("name_template")
    remove_containers = _old("remove")

    hub_ip_connect = Unicode(
        help="Host at which servers reach the hub; deprecated, use JupyterHub.hub_connect_ip."
    ).tag(config=True)
    use_docker_client_env = Bool(
        True, help="No effect: DOCKER_HOST and related variables are always used."
    ).tag(config=True)

    tls = _without_effect()
    tls_verify = _without_effect()
    tls_ca = _without_effect()
    tls_cert = _without_effect()
    tls_key = _without_effect()
    tls_assert_hostname = _without_effect()

    move_certs_image = Unicode(
        help="No effect: certificates are written through the engine's API, without a helper container."
    ).tag(config=True)

    @observe(*NEW_NAMES)
    def _forward_old_name(self, change: Mapping[str, Any]) -> None:
        new = NEW_NAMES[change["name"]]
        self.warn_once(f"DockerSpawner.{change['name']} has been renamed to DockerSpawner.{new}")
        setattr(self, new, change["new"])

    @observe("hub_ip_connect")
    def _warn_hub_ip_connect(self, change: Mapping[str, Any]) -> None:
        if change["new"]:
            self.warn_once(
                "DockerSpawner.hub_ip_connect is deprecated: set JupyterHub.hub_connect_ip instead"
            )

    @observe("use_docker_client_env")
    def _warn_docker_client_env(self, change: Mapping[str, Any]) -> None:
        del change
        self.warn_once("DockerSpawner.use_docker_client_env has no effect: DOCKER_HOST is always used")

    @observe(*OLD_TLS)
    def _warn_legacy_tls(self, change: Mapping[str, Any]) -> None:
        self.warn_once(f"DockerSpawner.{change['name']} has no effect: set DockerSpawner.tls_config")

    @observe("move_certs_image")
    def _warn_move_certs_image(self, change: Mapping[str, Any]) -> None:
        del change
        self.warn_once("DockerSpawner.move_certs_image has no effect: no helper container is used")

    @default("hub_connect_url")
    def _default_hub_connect_url(self) -> str | None:
        if not self.hub_ip_connect:
            return None
        known = urlsplit(self.hub.api_url)
        if unix_socket_path(self.hub.api_url):
            return f"http://{self.hub_ip_connect}"
        address = f"{known.scheme or 'http'}://{self.hub_ip_connect}"
        return f"{address}:{known.port}" if known.port else address

    def warn_once(self, message: str) -> None:
        """Log a warning once, not for every server."""
        if message not in _WARNED:
            _WARNED.add(message)
            self.log.warning("%s", message)
