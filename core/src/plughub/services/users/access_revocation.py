"""Revocation of all access that a user has at the moment."""

from __future__ import annotations

from plughub.domain.users import User
from plughub.services.users.sessions import end_sessions
from plughub.storage.store import Transaction


def revoke_access(tx: Transaction, user: User) -> None:
    """End a user's sessions and delete their tokens, pending OAuth codes and one-time links.

    Args:
        tx: the transaction.
        user: the user, with the name that the links were made for.
    """
    end_sessions(tx, user.id)
    tx.tokens.delete([token.id for token in tx.tokens.of_user(user.id)])
    tx.oauth.delete_codes_of(user.id)
    tx.login_links.revoke_all(user.name)
