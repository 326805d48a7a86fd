"""Fingerprint of the configuration of a kept container: a label that shows later what has changed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from plughub_docker import marks
from plughub_docker.certificates import FOLDER

if TYPE_CHECKING:
    from plughub_docker.options import DockerOptions

TOKEN: Final = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - name of a variable
LABEL: Final = "plughub.made-with"
_DIGITS: Final = 12

_LIMITS: Final = ("mem_limit", "mem_reservation", "cpu_period", "cpu_quota", "cpu_shares", "nano_cpus")
_MOUNTS: Final = ("binds", "mounts")
_NETWORK: Final = ("network_mode", "links")
_START_SPECIFIC: Final = ("port_bindings",)
_NOT_COMPARED: Final = frozenset(
    {"image", "name", "command", "environment", "labels", "ports", "networking_config"}
)
_VOLATILE_VARIABLES: Final = (
    "JPY_API_TOKEN",
    "JUPYTERHUB_API_TOKEN",
    "JUPYTERHUB_CLIENT_ID",
    "JUPYTERHUB_SERVICE_URL",
    "PLUGHUB_",
    "MEM_LIMIT",
    "MEM_GUARANTEE",
    "CPU_LIMIT",
    "CPU_GUARANTEE",
)
"""Variables that differ between starts, or that represent a limit."""


def describe(spawner: DockerOptions, arguments: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, str]:
    """Describe a configuration by its parts, which contain secrets."""
    chosen = spawner.chosen_environment
    variables = {
        name: value
        for name, value in arguments["environment"].items()
        if not name.startswith(_VOLATILE_VARIABLES) and name not in chosen
    }
    labels = {name: value for name, value in arguments.get("labels", {}).items() if not marks.is_ours(name)}
    parts = {
        "limits": {key: host.get(key) for key in _LIMITS},
        "environment": variables,
        "mounts": [host.get("binds"), [_mount(one) for one in host.get("mounts") or ()]],
        "network": [{key: host.get(key) for key in _NETWORK}, _links(arguments)],
        "command": [] if spawner.repository else arguments["command"],
        "other arguments": [
            {key: item for key, item in arguments.items() if key not in _NOT_COMPARED},
            {
                key: item
                for key, item in host.items()
                if key not in {*_LIMITS, *_MOUNTS, *_NETWORK, *_START_SPECIFIC}
            },
            labels,
        ],
        "chosen environment": dict(chosen),
        "chosen repository": spawner.repository,
        "chosen image": spawner.user_options.get("image"),
    }
    return {name: json.dumps(part, sort_keys=True, default=str) for name, part in parts.items()}


def label_of(described: Mapping[str, str], token: str) -> dict[str, str]:
    """Return the label for a description. It contains digests only: labels are copied to many places.

    Args:
        described: result of `describe`.
        token: the server's token, which keys the digests so that they cannot be compared with guesses.
    """
    return {LABEL: json.dumps({name: _digest(part, token) for name, part in described.items()})}


def differences(container: Mapping[str, Any], described: Mapping[str, str]) -> list[str]:
    """Return the parts in which a container differs from a description; none for a container without the
    label.
    """
    recorded = json.loads(marks.labels(container).get(LABEL) or "{}")
    token = token_of(container)
    return [
        name
        for name, part in described.items()
        if name in recorded and recorded[name] != _digest(part, token)
    ]


def token_of(container: Mapping[str, Any]) -> str:
    """Return the server's token from its container; empty if it has none."""
    variables = dict(pair.partition("=")[::2] for pair in container["Config"].get("Env") or ())
    return str(variables.get(TOKEN) or "")


def _links(arguments: Mapping[str, Any]) -> list[Any]:
    """Return the links of the networks, without the addresses, which belong to one start."""
    endpoints = (arguments.get("networking_config") or {}).get("EndpointsConfig") or {}
    return [endpoint.get("Links") for endpoint in endpoints.values()]


def _mount(mount: Mapping[str, Any]) -> Any:
    """Reduce the certificate mount to its path: the labels of its volume belong to one start."""
    return FOLDER if mount.get("Target") == FOLDER else dict(mount)


def _digest(part: str, token: str) -> str:
    return hmac.new(token.encode(), part.encode(), hashlib.sha256).hexdigest()[:_DIGITS]
