"""Images: who may choose which, and pulling them."""

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
    """Bring a setting to one form.

    Args:
        allowed: an image, a list of images, or a dictionary of images by shown name.

    Returns:
        Images by shown name.
    """
    if isinstance(allowed, Mapping):
        return {str(name): str(image) for name, image in allowed.items()}
    images = [allowed] if isinstance(allowed, str) and allowed else allowed
    return {str(image): str(image) for image in images or ()}


def choose(option: Any, allowed: Any) -> str:
    """Find the image that a user asks for, if she may have it.

    Args:
        option: what she asks for.
        allowed: ``*``, or what `choices` takes.

    Returns:
        The image.

    Raises:
        SpawnFailed: she may not.
    """
    if not isinstance(option, str):
        raise SpawnFailed("the option image has to be a text", status=400, retry=False)
    if allowed == ANY:
        return option
    known = choices(allowed)
    if not known:
        raise SpawnFailed(
            "no image can be chosen on this hub",
            detail="DockerSpawner.allowed_images is empty",
            status=400,
            retry=False,
        )
    if option not in known:
        raise SpawnFailed(
            f"image {option[:200]!r} cannot be chosen; there are: {', '.join(known)}",
            detail="DockerSpawner.allowed_images",
            status=400,
            retry=False,
        )
    return known[option]


def form(allowed: Any, chosen: str) -> str:
    """Write the form in which an image is chosen.

    Args:
        allowed: what `choices` takes, or ``*``.
        chosen: the image that is chosen when the user does nothing.

    Returns:
        HTML; empty when there is nothing to choose.
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
    """What happens to the layers of an image, told by one thread and read by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._layers: dict[str, str] = {}
        self._news: list[tuple[int, str]] = []
        self.done = False

    def tell(self, percent: int, message: str) -> None:
        """Add a message.

        Args:
            percent: 0 to 100.
            message: plain text.
        """
        with self._lock:
            self._news.append((percent, message))

    def layer(self, name: str, status: str) -> None:
        """Note what happens to a layer; only changes are news.

        Args:
            name: short id of the layer.
            status: the engine's word for it.
        """
        with self._lock:
            if self._layers.get(name) == status:
                return
            self._layers[name] = status
            complete = sum(known in _LAST for known in self._layers.values())
            if status in _SHOWN:
                percent = 5 + 35 * complete // len(self._layers)
                text = f"Layer {name}: {status} ({complete} of {len(self._layers)} layers complete)"
                self._news.append((percent, text))

    def take(self) -> list[tuple[int, str]]:
        """Take the messages that nobody has taken yet."""
        with self._lock:
            news, self._news = self._news, []
            return news


def needs_pull(engine: Engine, image: str, policy: str) -> bool:
    """Decide whether an image has to be pulled.

    Args:
        engine: the engine.
        image: the image.
        policy: see ``DockerSpawner.pull_policy``.

    Returns:
        Whether it has to.

    Raises:
        SpawnFailed: it is not there and must not be pulled.
    """
    if policy in {"always", "skip"}:
        return policy == "always"
    try:
        with engine.asked(f"image {image!r} cannot be looked at") as client:
            client.inspect_image(image)
    except EngineError as error:
        if not error.gone:
            raise
    else:
        return False
    if policy == "never":
        raise SpawnFailed(
            f"image {image!r} is not there",
            detail="it is not pulled because DockerSpawner.pull_policy is 'never': pull or build it on the "
            "engine",
            retry=False,
        )
    return True


def pull(engine: Engine, image: str, report: PullReport) -> None:
    """Pull an image.

    Args:
        engine: the engine.
        image: the image; without a tag it is ``latest``.
        report: is told how it goes.

    Raises:
        SpawnFailed: it cannot be pulled.
    """
    repository, tag = split(image)
    report.tell(5, f"Pulling image {image}")
    with engine.asked(f"image {image!r} cannot be pulled") as client:
        _follow(client.pull(repository, tag, stream=True, decode=True), image, report.layer)
    report.tell(40, f"Image {image} is here")


def _follow(events: Iterable[Mapping[str, Any]], image: str, layer: Callable[[str, str], None]) -> None:
    for event in events:
        if error := event.get("error"):
            raise SpawnFailed(f"image {image!r} cannot be pulled", detail=str(error))
        if event.get("id") and "progressDetail" in event:
            layer(str(event["id"]), str(event.get("status", "")))


def split(image: str) -> tuple[str, str | None]:
    """Part an image's repository from its tag.

    Args:
        image: such as ``registry:5000/some/image:1.0``.

    Returns:
        Repository and tag; no tag when the image is named by its digest.
    """
    if "@" in image:
        return image, None
    if ":" in image.rpartition("/")[2]:
        repository, _, tag = image.rpartition(":")
        return repository, tag
    return image, "latest"
