"""The basis of the services: what services of several packages are made from."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.domain.scopes import ScopeTree
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.observability.events import EventPublisher
from plughub.services.secrets.auth_states import AuthStates
from plughub.services.settings import HubSettings
from plughub.storage.store import Store


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What services of several packages are made from.

    Attributes:
        store: the storage.
        hooks: hooks of the active plugins.
        settings: settings of the hub.
        tree: hierarchy of scopes.
        auth_states: stored auth state of users.
        events: publishes events to plugins.
        change_feed: knows whether anything may have changed.
    """

    store: Store
    hooks: Hooks
    settings: HubSettings
    tree: ScopeTree
    auth_states: AuthStates
    events: EventPublisher
    change_feed: ChangeFeed
