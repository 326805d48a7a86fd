"""Faults of the configuration: they name the setting, and starting again does not help."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from docker.errors import DockerException
from traitlets import TraitError

from plughub.spawner import SpawnFailed
from plughub_docker.engine import EngineError

SENT: Final = (
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
"""Settings of which the engine may refuse a value; no spawner has all of them."""
_WORD: Final = re.compile(r"[\w./-]{2,}")


@contextlib.contextmanager
def naming(*settings: str) -> Iterator[None]:
    """Raise what is wrong with a value as a fault of its setting.

    Args:
        settings: such as ``DockerSpawner.volumes``.

    Raises:
        SpawnFailed: the value cannot be used.
    """
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError, TraitError, DockerException) as error:
        detail = f"{' or '.join(settings)} cannot be used: {error}"
        raise SpawnFailed(
            "the hub is configured wrongly for this server", detail=detail, retry=False
        ) from error


@contextlib.contextmanager
def blaming(section: str, spawner: object) -> Iterator[None]:
    """Name the settings that may be wrong when the engine refuses an argument.

    Args:
        section: of the settings.
        spawner: has them.

    Raises:
        EngineError: with the settings, where it was raised without.
    """
    try:
        yield
    except EngineError as error:
        if not error.refused:
            raise
        values = {f"{section}.{name}": getattr(spawner, name, None) for name in SENT}
        found = suspects(
            error.detail.partition(": ")[2], {name: value for name, value in values.items() if value}
        )
        detail = f"{error.detail} (the engine refuses {', '.join(found)})"
        raise EngineError(error.message, detail=detail, refused=True) from error


def suspects(said: str, settings: Mapping[str, Any]) -> list[str]:
    """Find the settings that an engine may mean when it refuses an argument.

    Args:
        said: the engine's words.
        settings: those that are set, with their values.

    Returns:
        Names of the settings whose values the engine repeats; all when there are none.
    """
    words = set(_WORD.findall(said))
    found = [name for name, value in settings.items() if words & set(_WORD.findall(str(value)))]
    return found or list(settings)
