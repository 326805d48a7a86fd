"""Composition of the services of tokens and OAuth."""

from __future__ import annotations

from dataclasses import dataclass

from plughub.domain.scopes import ScopeTree
from plughub.plugin.hooks import Hooks
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.settings import HubSettings
from plughub.services.tokens.oauth import OAuthService
from plughub.services.tokens.principals import PrincipalCache
from plughub.services.tokens.tokens import TokenService
from plughub.storage.store import Store


@dataclass(frozen=True, kw_only=True)
class TokenServices:
    """Services of this package.

    Attributes:
        tokens: authenticates API tokens.
        oauth: the OAuth 2 provider.
    """

    tokens: TokenService
    oauth: OAuthService


def compose_tokens(
    store: Store, hooks: Hooks, settings: HubSettings, tree: ScopeTree, change_feed: ChangeFeed
) -> TokenServices:
    """Create the services of this package."""
    longest, limit = settings.token_expires_in_max, settings.token_limit
    return TokenServices(
        tokens=TokenService(store, hooks, tree, PrincipalCache(change_feed), longest=longest, limit=limit),
        oauth=OAuthService(store, settings, tree),
    )
