"""Environment variables of managed services."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Mapping
from typing import Final

from plughub.domain.scopes.access_scopes import service_access_scopes
from plughub.domain.services import ServiceDeclaration
from plughub.domain.urls import service_url
from plughub.services.addresses import hub_host, public_address, service_link
from plughub.services.server_records import cookie_environment
from plughub.services.settings import HubSettings

INHERITED: Final = (
    "PATH",
    "PYTHONPATH",
    "CONDA_ROOT",
    "CONDA_DEFAULT_ENV",
    "VIRTUAL_ENV",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "TZ",
)
"""Variables that services inherit from the hub."""
MARK: Final = "PLUGHUB_MARK"
LAUNCH: Final = "PLUGHUB_OPERATION"
SERVICE: Final = "PLUGHUB_SERVICE"


def service_environment(settings: HubSettings, service: ServiceDeclaration) -> dict[str, str]:
    """Return the environment of a service, without its token and the marks of its start.

    Later parts override earlier ones: inherited variables, those of the system user, those of the
    protocol, and the configured ones.

    Args:
        settings: settings of the hub.
        service: the service.

    Raises:
        KeyError: there is no such system user.

    Source:
        The environment that JupyterHub 6 gives to its services.
    """
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **_user_variables(service.user),
        **_hub_variables(settings, service),
        **(_client_variables(settings, service) if service.oauth_client_id else {}),
        **(_address_variables(settings, service) if service.url else {}),
        **service.environment,
    }


def with_token(environment: Mapping[str, str], token: str, marks: Mapping[str, str]) -> dict[str, str]:
    """Add the token and the marks of one start to an environment.

    Args:
        environment: result of `service_environment`.
        token: token of the service.
        marks: identify the process later.
    """
    return {"JUPYTERHUB_API_TOKEN": token, "JPY_API_TOKEN": token, **environment, **marks}


def _user_variables(user: str) -> dict[str, str]:
    if not user:
        return {name: os.environ[name] for name in ("HOME", "USER", "SHELL") if name in os.environ}
    account = pwd.getpwnam(user)
    return {"USER": user, "LOGNAME": user, "HOME": account.pw_dir, "SHELL": account.pw_shell or "/bin/sh"}


def _hub_variables(settings: HubSettings, service: ServiceDeclaration) -> dict[str, str]:
    return {
        "JUPYTERHUB_SERVICE_NAME": service.name,
        "JUPYTERHUB_API_URL": settings.api_url,
        "JUPYTERHUB_BASE_URL": settings.base_url,
        "JUPYTERHUB_HOST": hub_host(settings),
        **cookie_environment(settings),
        "JUPYTERHUB_PUBLIC_HUB_URL": public_address(settings, settings.hub_prefix),
    }


def _client_variables(settings: HubSettings, service: ServiceDeclaration) -> dict[str, str]:
    # Clients compare strings: an administrator's token holds the scope without a filter.
    scopes = json.dumps(["access:services", *service_access_scopes(service.name)])
    link = service_link(settings, service.name)
    return {
        "JUPYTERHUB_CLIENT_ID": service.oauth_client_id,
        "JUPYTERHUB_OAUTH_CALLBACK_URL": service.oauth_redirect_uri or f"{link}oauth_callback",
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": json.dumps(list(service.oauth_scopes)),
    }


def _address_variables(settings: HubSettings, service: ServiceDeclaration) -> dict[str, str]:
    prefix = service_url(settings.base_url, service.name)
    return {
        "JUPYTERHUB_SERVICE_URL": service.url,
        "JUPYTERHUB_SERVICE_PREFIX": prefix,
        "JUPYTERHUB_PUBLIC_URL": public_address(settings, service_link(settings, service.name)),
    }
