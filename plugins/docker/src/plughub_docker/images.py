"""Choice and pull of images."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from plughub.spawner import SpawnFailed
from plughub_docker.engine import Engine, EngineError

ANY: Final = "*"
_LAST: Final = frozenset({"Pull complete", "Already exists"})
_SHOWN: Final = frozenset({"Downloading", "Extracting", "Download complete", *_LAST})


def choices(allowed: Any) -> Mapping[str, str]:
    """Convert ``allowed_images`` into a dictionary of images by display name."""
    if isinstance(allowed, Mapping):
        return {str(name): str(image) for name, image in allowed.items()}
    images = [allowed] if isinstance(allowed, str) and allowed else allowed
    return {str(image): str(image) for image in images or ()}


def choose(option: Any, allowed: Any) -> str:
    """Return the image that a user chose.

    Raises:
        SpawnFailed: the image is not allowed.
    """
    if not isinstance(option, str):
        raise SpawnFailed("the option image must be a string", status=400, retry=False)
    if allowed == ANY:
        return option
    known = choices(allowed)
    if not known:
        raise SpawnFailed(
            "this hub does not allow choosing an image",
            detail="DockerSpawner.allowed_images is empty",
            status=400,
            retry=False,
        )
    if option not in known:
        raise SpawnFailed(
            f"image {option[:200]!r} is not allowed; allowed images: {', '.join(known)}",
            detail="DockerSpawner.allowed_images",
            status=400,
            retry=False,
        )
    return known[option]


def form(allowed: Any, chosen: str) -> str:
    """Return the HTML form for the choice of an image; empty when there is nothing to choose.

    Args:
        allowed: value of ``allowed_images``.
        chosen: preselected image.
    """
    known = {} if allowed == ANY else choices(allowed)
    if len(known) <= 1:
        return ""
    options = "".join(_option(name, selected=image == chosen) for name, image in known.items())
    return (
        '<label for="image" class="form-label">Image</label>'
        '<select id="image" name="image" class="form-select form-control" required autofocus>'
        f"{options}</select>"
    )


def _option(name: str, *, selected: bool) -> str:
    shown = html.escape(name)
    return f'<option value="{shown}"{" selected" if selected else ""}>{shown}</option>'


class PullReport:
    """Progress of a pull, written by one thread and read by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._layers: dict[str, str] = {}
        self._messages: list[tuple[int, str]] = []
        self.done = False

    def add(self, percent: int, message: str) -> None:
        """Add a message.

        Args:
            percent: 0 to 100.
            message: plain text.
        """
        with self._lock:
            self._messages.append((percent, message))

    def update_layer(self, name: str, status: str) -> None:
        """Record the engine's status of a layer; add a message if it has changed."""
        with self._lock:
            if self._layers.get(name) == status:
                return
            self._layers[name] = status
            complete = sum(known in _LAST for known in self._layers.values())
            if status in _SHOWN:
                percent = 5 + 35 * complete // len(self._layers)
                text = f"Layer {name}: {status} ({complete} of {len(self._layers)} layers complete)"
                self._messages.append((percent, text))

    def take(self) -> list[tuple[int, str]]:
        """Return the messages that were not taken yet."""
        with self._lock:
            messages, self._messages = self._messages, []
            return messages


def needs_pull(engine: Engine, image: str, policy: str, section: str) -> bool:
    """Return whether an image has to be pulled.

    Args:
        engine: the engine.
        image: name of the image.
        policy: value of ``pull_policy``, in lower case.
        section: name of the class in the configuration file, such as ``DockerSpawner``.

    Raises:
        SpawnFailed: the image is missing and ``pull_policy`` forbids pulling it.
    """
    if policy in {"always", "skip"}:
        return policy == "always"
    try:
        with engine.request(f"image {image!r} cannot be inspected") as client:
            client.inspect_image(image)
    except EngineError as error:
        if not error.gone:
            raise
    else:
        return False
    if policy == "never":
        raise SpawnFailed(
            f"image {image!r} is missing",
            detail=f"{section}.pull_policy is 'never', so the hub does not pull it: pull or build it on "
            "the engine",
            retry=False,
        )
    return True


def pull(engine: Engine, image: str, report: PullReport) -> None:
    """Pull an image, and report its progress.

    Args:
        engine: the engine.
        image: the image; without a tag, ``latest``.
        report: report to add messages to.

    Raises:
        SpawnFailed: the pull failed.
    """
    repository, tag = split(image)
    report.add(5, f"Pulling image {image}")
    with engine.request(f"image {image!r} cannot be pulled") as client:
        _follow(client.pull(repository, tag, stream=True, decode=True), image, report.update_layer)
    report.add(40, f"Image {image} is ready")


def _follow(events: Iterable[Mapping[str, Any]], image: str, layer: Callable[[str, str], None]) -> None:
    for event in events:
        if error := event.get("error"):
            raise SpawnFailed(f"image {image!r} cannot be pulled", detail=str(error))
        if event.get("id") and "progressDetail" in event:
            layer(str(event["id"]), str(event.get("status", "")))


def split(image: str) -> tuple[str, str | None]:
    """Split an image into repository and tag; the tag is None for an image with a digest."""
    if "@" in image:
        return image, None
    if ":" in image.rpartition("/")[2]:
        repository, _, tag = image.rpartition(":")
        return repository, tag
    return image, "latest"
