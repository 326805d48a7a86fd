"""Environment of a server: inherited, required by the protocol, and configured variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from plughub.kinds import TLSFiles

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner


def build_environment(spawner: Spawner) -> dict[str, str]:
    """Return the environment variables of a server. They contain a secret.

    Later sources override earlier ones: the deprecated ``Spawner.env``, inherited variables, those of the
    protocol, those of settings, ``Spawner.environment``, and finally the marks by which the hub finds what it
    launched.

    Source:
        The variables that ``jupyterhub-singleuser`` reads.
    """
    return {
        **_deprecated(spawner),
        **{name: os.environ[name] for name in spawner.env_keep if name in os.environ},
        **spawner.record.environment_at(spawner.bind_url),
        **_token(spawner),
        **_hub_address(spawner),
        **(TLSFiles.of(spawner.cert_paths).environment if spawner.cert_paths else {}),
        **_limits(spawner),
        **_settings(spawner),
        **_configured(spawner),
        **spawner.record.launch_marks,
    }


def _deprecated(spawner: Spawner) -> dict[str, str]:
    if spawner.env:
        spawner.log.warning(
            "%s.env is deprecated (it sets %s): use Spawner.environment, or extend get_env",
            type(spawner).__name__,
            ", ".join(sorted(spawner.env)),
        )
    return {name: str(value) for name, value in spawner.env.items()}


def _token(spawner: Spawner) -> dict[str, str]:
    if not spawner.api_token:
        return {}
    return {"JUPYTERHUB_API_TOKEN": spawner.api_token, "JPY_API_TOKEN": spawner.api_token}


def _hub_address(spawner: Spawner) -> dict[str, str]:
    if spawner.hub_connect_url is None:
        return {}
    api_url = spawner.hub_connect_url.rstrip("/") + urlsplit(spawner.hub.api_url).path
    activity_url = f"{api_url}/users/{spawner.user.escaped_name}/activity"
    return {"JUPYTERHUB_API_URL": api_url, "JUPYTERHUB_ACTIVITY_URL": activity_url}


def _limits(spawner: Spawner) -> dict[str, str]:
    limits = {
        "MEM_LIMIT": spawner.mem_limit,
        "MEM_GUARANTEE": spawner.mem_guarantee,
        "CPU_LIMIT": spawner.cpu_limit,
        "CPU_GUARANTEE": spawner.cpu_guarantee,
    }
    return {name: str(value) for name, value in limits.items() if value}


def _settings(spawner: Spawner) -> dict[str, str]:
    settings = {
        "JUPYTERHUB_ROOT_DIR": spawner.format_string(spawner.notebook_dir),
        "JUPYTERHUB_DEFAULT_URL": spawner.format_string(spawner.default_url),
        "JUPYTERHUB_DEBUG": "1" if spawner.debug else "",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1" if spawner.disable_user_config else "",
    }
    return {name: value for name, value in settings.items() if value}


def _configured(spawner: Spawner) -> dict[str, str]:
    values = {
        name: value(spawner) if callable(value) else value for name, value in spawner.environment.items()
    }
    return {name: str(value) for name, value in values.items() if value is not None}
