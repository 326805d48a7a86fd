"""Records that every database must contain."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from plughub.domain.oauth import OAuthClient
from plughub.domain.roles import DEFAULT_ROLES
from plughub.storage.store import Transaction

PLAIN_CLIENT: Final = "jupyterhub"
"""The OAuth client of plain API tokens. It has no secret, so it cannot be used to log in."""


def store_initial_records(
    tx: Transaction, replacements: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> str:
    """Store the default roles, the client of plain tokens and the mark, unless they exist.

    Args:
        tx: the transaction.
        replacements: by kind, a plugin and the name of the class that replaces it. Older hubs, and hubs
            without the plugin, have stored the name of the class.

    Returns:
        The mark of this hub.
    """
    tx.roles.add_missing(DEFAULT_ROLES)
    if tx.oauth.client(PLAIN_CLIENT) is None:
        tx.oauth.save_client(
            OAuthClient(identifier=PLAIN_CLIENT, secret="", redirect_uri="", description="JupyterHub")
        )
    for kind, (plugin, name) in replacements.items():
        if kind == "spawner":
            tx.plugin_owners.hand_over_servers(name, plugin)
        elif kind == "authenticator":
            tx.plugin_owners.hand_over_identities(name, plugin)
    mark: str = tx.settings.set_default("mark", secrets.token_hex(8))
    return mark
