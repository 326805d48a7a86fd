"""Ending every way in that a user has right now."""

from __future__ import annotations

from plughub.domain.users import User
from plughub.services.users.sessions import end_sessions
from plughub.storage.store import Transaction


def end_access(tx: Transaction, user: User) -> None:
    """Log a user out everywhere, and void tokens, codes under way and one-time links. Every hub learns it.

    Args:
        tx: the transaction.
        user: whose; the name is the one that the links were made for.
    """
    end_sessions(tx, user.id)
    tx.tokens.delete([token.id for token in tx.tokens.of_user(user.id)])
    tx.oauth.delete_codes_of(user.id)
    tx.login_links.withdraw(user.name)
