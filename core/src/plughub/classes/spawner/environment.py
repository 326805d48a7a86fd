"""Environment of a server: inherited, required by the protocol, and configured variables."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from plughub.kinds import Server, TLSFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFacts:
    """Facts about a server that its environment is built from.

    Attributes:
        record: record of the server.
        env_keep: names of inherited variables.
        bind_url: URL on which the server listens.
        api_token: API token of the server; empty for none.
        hub_connect_url: URL at which the server reaches the hub; None for that of the hub.
        hub_api_url: URL of the hub's API.
        escaped_username: name of the user as part of a URL.
        cert_paths: files for internal TLS; empty for plain HTTP.
        mem_limit: memory limit in bytes.
        mem_guarantee: guaranteed memory in bytes.
        cpu_limit: maximum number of CPU cores.
        cpu_guarantee: guaranteed number of CPU cores.
        root_dir: root directory; empty for the server's default.
        default_url: first page; empty for the server's default.
        debug: whether the server logs at level DEBUG.
        disable_user_config: whether the server ignores the user's configuration.
        deprecated: variables of ``Spawner.env``.
        configured: variables of ``Spawner.environment``; those with the value None are left out.
    """

    record: Server
    env_keep: Collection[str]
    bind_url: str
    api_token: str = field(repr=False)
    hub_connect_url: str | None
    hub_api_url: str
    escaped_username: str
    cert_paths: Mapping[str, str]
    mem_limit: float | None
    mem_guarantee: float | None
    cpu_limit: float | None
    cpu_guarantee: float | None
    root_dir: str
    default_url: str
    debug: bool
    disable_user_config: bool
    deprecated: Mapping[str, Any] = field(repr=False)
    configured: Mapping[str, Any] = field(repr=False)


def build_environment(facts: EnvironmentFacts) -> dict[str, str]:
    """Return the environment variables of a server. They contain a secret.

    Later sources override earlier ones: the deprecated ``Spawner.env``, inherited variables, those of the
    protocol, those of settings, ``Spawner.environment``, and finally the marks by which the hub finds what it
    launched.

    Source:
        The variables that ``jupyterhub-singleuser`` reads.
    """
    return {
        **{name: str(value) for name, value in facts.deprecated.items()},
        **{name: os.environ[name] for name in facts.env_keep if name in os.environ},
        **facts.record.environment_at(facts.bind_url),
        **_token(facts),
        **_hub_address(facts),
        **(TLSFiles.of(facts.cert_paths).environment if facts.cert_paths else {}),
        **_limits(facts),
        **_settings(facts),
        **{name: str(value) for name, value in facts.configured.items() if value is not None},
        **facts.record.launch_marks,
    }


def _token(facts: EnvironmentFacts) -> dict[str, str]:
    if not facts.api_token:
        return {}
    return {"JUPYTERHUB_API_TOKEN": facts.api_token, "JPY_API_TOKEN": facts.api_token}


def _hub_address(facts: EnvironmentFacts) -> dict[str, str]:
    if facts.hub_connect_url is None:
        return {}
    api_url = facts.hub_connect_url.rstrip("/") + urlsplit(facts.hub_api_url).path
    activity_url = f"{api_url}/users/{facts.escaped_username}/activity"
    return {"JUPYTERHUB_API_URL": api_url, "JUPYTERHUB_ACTIVITY_URL": activity_url}


def _limits(facts: EnvironmentFacts) -> dict[str, str]:
    limits = {
        "MEM_LIMIT": facts.mem_limit,
        "MEM_GUARANTEE": facts.mem_guarantee,
        "CPU_LIMIT": facts.cpu_limit,
        "CPU_GUARANTEE": facts.cpu_guarantee,
    }
    return {name: str(value) for name, value in limits.items() if value}


def _settings(facts: EnvironmentFacts) -> dict[str, str]:
    settings = {
        "JUPYTERHUB_ROOT_DIR": facts.root_dir,
        "JUPYTERHUB_DEFAULT_URL": facts.default_url,
        "JUPYTERHUB_DEBUG": "1" if facts.debug else "",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1" if facts.disable_user_config else "",
    }
    return {name: value for name, value in settings.items() if value}
