"""Errors of the configuration: they name the setting, and the start is not retried."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from docker.errors import DockerException
from traitlets import TraitError

from plughub.spawner import SpawnFailed
from plughub_docker.engine import EngineError

SENT_SETTINGS: Final = (
    "image",
    "cmd",
    "volumes",
    "read_only_volumes",
    "mounts",
    "links",
    "network_name",
    "host_ip",
    "mem_limit",
    "cpu_limit",
    "extra_create_kwargs",
    "extra_host_config",
    "extra_container_spec",
    "extra_resources_spec",
    "extra_placement_spec",
    "extra_task_spec",
    "extra_endpoint_spec",
)
"""Settings whose values the engine may refuse; no spawner has all of them."""
_WORD: Final = re.compile(r"[\w./-]{2,}")


@contextlib.contextmanager
def as_setting_error(*settings: str) -> Iterator[None]:
    """Convert the errors of an unusable value into an error that names its settings.

    Args:
        settings: names such as ``DockerSpawner.volumes``.

    Raises:
        SpawnFailed: the value cannot be used.
    """
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError, TraitError, DockerException) as error:
        detail = f"{' or '.join(settings)} cannot be used: {error}"
        raise SpawnFailed(
            "the hub's configuration for this server is invalid", detail=detail, retry=False
        ) from error


@contextlib.contextmanager
def explain_refusal(section: str, spawner: object) -> Iterator[None]:
    """Add the suspect settings to an error by which the engine refuses an argument.

    Args:
        section: name of the class in the configuration file, such as ``DockerSpawner``.
        spawner: object with the settings.

    Raises:
        EngineError: the error, with the names of the settings.
    """
    try:
        yield
    except EngineError as error:
        if not error.refused:
            raise
        values = {f"{section}.{name}": getattr(spawner, name, None) for name in SENT_SETTINGS}
        found = suspects(
            error.detail.partition(": ")[2], {name: value for name, value in values.items() if value}
        )
        detail = f"{error.detail} (the engine refuses {', '.join(found)})"
        raise EngineError(error.message, detail=detail, refused=True) from error


def suspects(message: str, settings: Mapping[str, Any]) -> list[str]:
    """Return the settings whose values the engine's message repeats, or all of them if it repeats none."""
    words = set(_WORD.findall(message))
    found = [name for name, value in settings.items() if words & set(_WORD.findall(str(value)))]
    return found or list(settings)
