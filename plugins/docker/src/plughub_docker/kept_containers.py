"""Containers that outlive the stop of their server: which a start resumes, and what a deletion removes."""

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
    """Remembers the container of a server by its id, which no other container ever has.

    A name proves nothing: another user or server may have had it before.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.set_aside: list[str] = []
        self.published_port = 0
        self.fixed_address = ""

    # ---- state

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over id and name of the container, and the ids of those that were set aside."""
        super().load_state(state)
        self.object_id = str(state.get("object_id") or state.get("container_id") or "")
        if name := state.get("object_name"):
            self.object_name = str(name)
        self.set_aside = [str(one) for one in state.get("set_aside") or ()]

    def get_state(self) -> dict[str, Any]:
        """Save what `load_state` takes over."""
        state = super().get_state()
        if self.object_id:
            state |= {"object_id": self.object_id, "object_name": self.object_name}
        return {**state, "set_aside": self.set_aside} if self.set_aside else state

    def clear_state(self) -> None:
        """Forget the container, unless it is kept."""
        super().clear_state()
        if self.remove:
            self.object_id = ""

    @property
    def containers(self) -> Containers:
        """The containers of this plugin."""
        return Containers(self.engine, self.plugin)

    # ---- in a thread

    def find_kept(self) -> Inspected | None:
        """Find the container whose id the hub saved when it stopped this server."""
        found = self.containers.inspect(self.object_id) if self.object_id else None
        return found if found is not None and self._is_of_this_hub(found) else None

    def resume(self, found: Inspected | None) -> Inspected | None:
        """Decide whether a start resumes a container, and prepare it.

        Args:
            found: what `find_kept` found.

        Returns:
            The container; None when it cannot be resumed and does not stand in the way any more.

        Raises:
            SpawnFailed: an administrator has to remove it first.
        """
        if found is None:
            return None
        if marks.is_marked(found) and not marks.belongs(found, self.record, self.plugin):
            self._leave(found)
            return None
        if self.remove or not has_run(found) or not self._resumes(found):
            self.log.info("Removing container %s of an earlier start", found["Name"].lstrip("/"))
            self.containers.end(found, seconds=0, remove=True)
            return None
        return found

    def delete_kept(self) -> None:
        """Remove every container of a server that is deleted. That there is none is no error."""
        for container in self.containers.left_by(self.record, (self.object_id, *self.set_aside)):
            if self._is_of_this_hub(container):
                self.containers.end(container, seconds=0, remove=True)
        self.remove_certificates(self.engine)

    def warn_of_kept(self, name: str, why: str) -> None:
        """Log that a container stays on the engine although no server resumes it.

        Args:
            name: of the container.
            why: no server resumes it.
        """
        self.log.warning(
            "container %s is kept, but no server resumes it: %s. Copy its files with docker cp, then remove "
            "it with docker rm",
            name,
            why,
        )

    def _is_of_this_hub(self, container: Inspected) -> bool:
        """Tell whether this hub may have made a container; one of JupyterHub has no marks."""
        return not marks.is_marked(container) or marks.is_of_hub(container, self.record, self.plugin)

    def _leave(self, kept: Inspected) -> None:
        """Leave a container behind that was made when user or server had another name."""
        if self.remove:
            self.containers.end(kept, seconds=0, remove=True)
            return
        name = self.containers.set_aside(kept)
        self.set_aside = [*self.set_aside, kept["Id"]]
        self.warn_of_kept(name, f"{self.record.full_name} had another name when it was made")

    def wanted(self) -> Mapping[str, str]:
        """Describe the configuration that a new container would have."""
        return {}

    def _compare(self, kept: Inspected) -> None:
        """Compare a container with what is wanted now: it keeps what it was made with.

        Raises:
            SpawnFailed: the user chose something else, or the image is another one.
        """
        made_from, name = kept["Config"]["Image"], kept["Name"].lstrip("/")
        chosen, different = "image" in self.user_options, differences(kept, self.wanted())
        if made_from != self.image and not chosen and "chosen image" in different:
            self.image = made_from  # nothing is chosen now, and this was chosen then
            different = differences(kept, self.wanted())
        if made_from != self.image:
            raise SpawnFailed(
                f"the container of this server was made from image {made_from!r} and is kept: choose that "
                f"image instead of {self.image!r}, or have an administrator remove the container",
                detail=f"it is {name!r}; DockerSpawner.remove is off",
                status=400 if chosen else 500,
                retry=False,
            )
        for option in ("environment", "repository"):
            if self.user_options.get(option) and f"chosen {option}" in different:
                raise SpawnFailed(
                    f"the container of this server was made with another {option} and is kept: leave the "
                    f"{option} as it was, or have an administrator remove the container",
                    detail=f"it is {name!r}; DockerSpawner.remove is off",
                    status=400,
                    retry=False,
                )
        if self._has_newer_image(kept):
            different.append(f"image {made_from} (pulled or built again since)")
        if changed := [one for one in different if not one.startswith("chosen")]:
            self.log.warning(
                "container %s is kept (DockerSpawner.remove is off) and was made with another configuration, "
                "which it keeps: %s. To renew it, stop its server, copy its files with docker cp, and remove "
                "it with docker rm",
                name,
                ", ".join(changed),
            )

    def _has_newer_image(self, kept: Inspected) -> bool:
        with contextlib.suppress(EngineError), self.engine.asked() as client:
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
        """Refuse to resume a container with another setting: an environment cannot be changed."""
        if speaks_tls != self.internal_ssl:
            raise SpawnFailed(
                "the container of this server is kept and cannot be used any more",
                detail=f"container {name!r} was made {'with' if speaks_tls else 'without'} "
                "JupyterHub.internal_ssl, and DockerSpawner.remove is off: remove it",
                retry=False,
            )
