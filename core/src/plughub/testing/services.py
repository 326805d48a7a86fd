"""The services of one hub process, composed as the application composes them, for tests without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from plughub.app.config import JupyterHub
from plughub.domain.scopes import ScopeTree
from plughub.kinds import ProxySettings
from plughub.plugin.hooks import Hooks
from plughub.services.composition import Foundation, HubServices, compose
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.settings import HubSettings
from plughub.storage.store import Store

COOKIE_SECRET = b"s" * 32


def split_settings(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return which values a config file sets in ``c.JupyterHub``, and all others.

    A test that gives settings by their names shows their effect.

    Args:
        given: values by name.
    """
    known = _names_of_settings()
    settings = {name: value for name, value in given.items() if name in known}
    return settings, {name: value for name, value in given.items() if name not in known}


@cache
def _names_of_settings() -> frozenset[str]:
    return frozenset(JupyterHub.class_trait_names(config=True)) - {"base_url"}  # is also part of addresses


def make_services(
    store: Store,
    hooks: Hooks,
    settings: HubSettings,
    folder: Path,
    *,
    keys: Sequence[bytes] = (),
    **more: Any,
) -> HubServices:
    """Compose the services; nothing runs yet.

    Args:
        store: the storage.
        hooks: the hooks of the active plugins.
        settings: of the hub.
        folder: for logs and marks of managed services.
        keys: to encrypt saved secrets with.
        more: further fields of `Foundation`.

    Returns:
        The services.
    """
    return compose(
        Foundation(
            store=store,
            hooks=hooks,
            settings=settings,
            tree=ScopeTree(),
            proxy=ProxySettings(ip="", port=8000, hub_url="http://h:1"),
            auth_states=AuthStates(store, keys),
            cookie_secret=COOKIE_SECRET,
            services_folder=folder,
            **more,
        )
    )
