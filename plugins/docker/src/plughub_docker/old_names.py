"""Settings under the names that they had in earlier versions of DockerSpawner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from traitlets import Any as AnyTrait
from traitlets import observe

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


def _old(new: str) -> Any:
    return AnyTrait(help=f"Old name of {new}.").tag(config=True)


class OldNames(Spawner):
    """Hands on what is set under an old name."""

    container_ip = _old("host_ip")
    container_port = _old("port")
    container_image = _old("image")
    image_whitelist = _old("allowed_images")
    container_prefix = _old("prefix")
    container_name_template = _old("name_template")
    remove_containers = _old("remove")

    @observe(*NEW_NAMES)
    def _hand_on(self, change: Mapping[str, Any]) -> None:
        new = NEW_NAMES[change["name"]]
        self.log.warning("DockerSpawner.%s is now called DockerSpawner.%s", change["name"], new)
        setattr(self, new, change["new"])
