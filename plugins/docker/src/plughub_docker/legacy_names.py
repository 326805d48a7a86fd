"""Settings of DockerSpawner that have another name here, or nothing to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from traitlets import Any as AnyTrait
from traitlets import Bool, Unicode, default, observe

from plughub.spawner import Spawner

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
    return AnyTrait(help=f"Old name of {new}.").tag(config=True)


def _without_effect() -> Any:
    return AnyTrait(help="Without effect, as in JupyterHub: see tls_config.").tag(config=True)


OLD_TLS: Final = ("tls", "tls_verify", "tls_ca", "tls_cert", "tls_key", "tls_assert_hostname")


class OldNames(Spawner):
    """Hands on what is set under an old name."""

    container_ip = _old("host_ip")
    container_port = _old("port")
    container_image = _old("image")
    image_whitelist = _old("allowed_images")
    container_prefix = _old("prefix")
    container_name_template = _old("name_template")
    remove_containers = _old("remove")

    hub_ip_connect = Unicode(help="Host at which servers reach the hub; see JupyterHub.hub_connect_ip.").tag(
        config=True
    )
    use_docker_client_env = Bool(True, help="Without effect: DOCKER_HOST and the like always hold.").tag(
        config=True
    )

    tls = _without_effect()
    tls_verify = _without_effect()
    tls_ca = _without_effect()
    tls_cert = _without_effect()
    tls_key = _without_effect()
    tls_assert_hostname = _without_effect()

    move_certs_image = Unicode(
        help="Without effect: the engine writes certificates into the volume of the server's own container, "
        "and no other container is needed for that."
    ).tag(config=True)

    @observe(*NEW_NAMES)
    def _hand_on(self, change: Mapping[str, Any]) -> None:
        new = NEW_NAMES[change["name"]]
        self.warn_once(f"DockerSpawner.{change['name']} is now called DockerSpawner.{new}")
        setattr(self, new, change["new"])

    @observe("hub_ip_connect")
    def _hub_has_an_address(self, change: Mapping[str, Any]) -> None:
        if change["new"]:
            self.warn_once("DockerSpawner.hub_ip_connect is old: set JupyterHub.hub_connect_ip instead")

    @observe("use_docker_client_env")
    def _environment_always_holds(self, change: Mapping[str, Any]) -> None:
        del change
        self.warn_once("DockerSpawner.use_docker_client_env does nothing: DOCKER_HOST always holds")

    @observe(*OLD_TLS)
    def _tls_is_one_setting(self, change: Mapping[str, Any]) -> None:
        self.warn_once(f"DockerSpawner.{change['name']} does nothing: set DockerSpawner.tls_config")

    @observe("move_certs_image")
    def _no_image_moves_certificates(self, change: Mapping[str, Any]) -> None:
        del change
        self.warn_once("DockerSpawner.move_certs_image does nothing: no other container moves certificates")

    @default("hub_connect_url")
    def _default_hub_connect_url(self) -> str | None:
        if not self.hub_ip_connect:
            return None
        known = urlsplit(self.hub.api_url)
        address = f"{known.scheme or 'http'}://{self.hub_ip_connect}"
        return f"{address}:{known.port}" if known.port else address

    def warn_once(self, message: str) -> None:
        """Warn, but not again for every server.

        Args:
            message: the same for all servers.
        """
        if message not in _WARNED:
            _WARNED.add(message)
            self.log.warning("%s", message)
