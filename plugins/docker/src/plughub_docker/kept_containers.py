"""Containers that outlive the stop of their server: resumed by a start, removed by a deletion."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from plughub.spawner import SpawnFailed
from plughub_docker import marks
from plughub_docker.certificates import KEY_VARIABLE, DockerCertificates
from plughub_docker.containers import Containers, Inspected, has_run
from plughub_docker.creation_settings import TOKEN, differences
from plughub_docker.engine import EngineError


class KeptContainers(DockerCertificates):
    """Identifies the container of a server by its id, which is never reused.

    A name is not enough: an earlier user or server may have had the same name.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.set_aside: list[str] = []
        self.published_port = 0
        self.fixed_address = ""

    # ---- state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load id and name of the container, and the ids of containers that were set aside."""
        super().load_state(state)
        self.object_id = str(state.get("object_id") or state.get("container_id") or "")
        if name := state.get("object_name"):
            self.object_name = str(name)
        self.set_aside = [str(one) for one in state.get("set_aside") or ()]

    def get_state(self) -> dict[str, Any]:
        """Return the state for `load_state`."""
        state = super().get_state()
        if self.object_id:
            state |= {"object_id": self.object_id, "object_name": self.object_name}
        return {**state, "set_aside": self.set_aside} if self.set_aside else state

    def clear_state(self) -> None:
        """Clear the container's id, unless the container is kept."""
        super().clear_state()
        if self.remove:
            self.object_id = ""

    @property
    def containers(self) -> Containers:
        """Containers of this plugin."""
        return Containers(self.engine, self.plugin)

    # ---- in a thread

    def find_kept(self) -> Inspected | None:
        """Return the container whose id was saved when this server stopped."""
        found = self.containers.inspect(self.object_id) if self.object_id else None
        return found if found is not None and self._is_of_this_hub(found) else None

    def resume(self, found: Inspected | None) -> Inspected | None:
        """Prepare a kept container for resumption; remove or rename one that cannot be resumed.

        Returns:
            The container; None if a new one has to be created.

        Raises:
            SpawnFailed: an administrator has to remove the container first.
        """
        if found is None:
            return None
        if marks.is_marked(found) and not marks.belongs(found, self.record, self.plugin):
            self._abandon(found)
            return None
        if self.remove or not has_run(found) or not self._resumes(found):
            self.log.info("Removing container %s of an earlier start", found["Name"].lstrip("/"))
            self.containers.end(found, seconds=0, remove=True)
            return None
        return found

    def delete_kept(self) -> None:
        """Remove all containers of a server that is deleted."""
        for container in self.containers.find_all(self.record, (self.object_id, *self.set_aside)):
            if self._is_of_this_hub(container):
                self.containers.end(container, seconds=0, remove=True)
        self.remove_certificates(self.engine)

    def warn_of_kept(self, name: str, why: str) -> None:
        """Log that a container stays on the engine although no server resumes it."""
        self.log.warning(
            "container %s is kept, but no server resumes it: %s. Copy its files with docker cp, then remove "
            "the container with docker rm",
            name,
            why,
        )

    def _is_of_this_hub(self, container: Inspected) -> bool:
        """Return whether this hub may have created a container; one of JupyterHub has no labels."""
        return not marks.is_marked(container) or marks.is_of_hub(container, self.record, self.plugin)

    def _abandon(self, kept: Inspected) -> None:
        """Remove or set aside a container that was created under another user or server name."""
        if self.remove:
            self.containers.end(kept, seconds=0, remove=True)
            return
        name = self.containers.set_aside(kept)
        self.set_aside = [*self.set_aside, kept["Id"]]
        self.warn_of_kept(name, f"{self.record.full_name} had another name when the container was created")

    def describe_new(self) -> Mapping[str, str]:
        """Return a description of a new container's configuration."""
        return {}

    def _compare(self, kept: Inspected) -> None:
        """Compare a kept container with the present configuration, and log what differs.

        Raises:
            SpawnFailed: the user's choice or the image differs.
        """
        made_from, name = kept["Config"]["Image"], kept["Name"].lstrip("/")
        chosen, different = "image" in self.user_options, differences(kept, self.describe_new())
        if made_from != self.image and not chosen and "chosen image" in different:
            self.image = made_from  # the user chose this image earlier and chooses none now
            different = differences(kept, self.describe_new())
        if made_from != self.image:
            raise SpawnFailed(
                f"the container of this server was created from image {made_from!r} and is kept: choose that "
                f"image instead of {self.image!r}, or ask an administrator to remove the container",
                detail=f"container {name!r} is kept because DockerSpawner.remove is off",
                status=400 if chosen else 500,
                retry=False,
            )
        for option in ("environment", "repository"):
            if self.user_options.get(option) and f"chosen {option}" in different:
                raise SpawnFailed(
                    f"the container of this server was created with another {option} and is kept: leave the "
                    f"{option} unchanged, or ask an administrator to remove the container",
                    detail=f"container {name!r} is kept because DockerSpawner.remove is off",
                    status=400,
                    retry=False,
                )
        if self._has_newer_image(kept):
            different.append(f"image {made_from} (pulled or rebuilt since)")
        if changed := [one for one in different if not one.startswith("chosen")]:
            self.log.warning(
                "container %s is kept (DockerSpawner.remove is off) and was created with a different "
                "configuration, which it retains: %s. To apply the present configuration, stop the server, "
                "copy the container's files with docker cp, and remove the container with docker rm",
                name,
                ", ".join(changed),
            )

    def _has_newer_image(self, kept: Inspected) -> bool:
        with contextlib.suppress(EngineError), self.engine.request() as client:
            return bool(client.inspect_image(kept["Config"]["Image"])["Id"] != kept["Image"])
        return False

    def _resumes(self, kept: Inspected) -> bool:
        name = kept["Name"].lstrip("/")
        self._compare(kept)
        variables = dict(pair.partition("=")[::2] for pair in kept["Config"]["Env"])
        if not (token := variables.get(TOKEN)):
            return False
        self._refuse_other_tls(name, KEY_VARIABLE in variables)
        if marks.is_marked(kept):
            marks.write_operation(self.engine, kept["Id"], self.record.operation)
        self.api_token, self.object_name = token, name
        self.log.info("Resuming container %s", name)
        return True

    def _refuse_other_tls(self, name: str, speaks_tls: bool) -> None:
        """Refuse to resume a container created with another ``internal_ssl``: its variables are fixed."""
        if speaks_tls != self.internal_ssl:
            raise SpawnFailed(
                "the container of this server is kept and can no longer be used",
                detail=f"container {name!r} was created {'with' if speaks_tls else 'without'} "
                "JupyterHub.internal_ssl and is kept because DockerSpawner.remove is off: remove the "
                "container",
                retry=False,
            )
