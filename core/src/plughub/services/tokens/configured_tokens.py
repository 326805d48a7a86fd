"""API tokens of users that the config file lists."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from plughub.domain.errors import InvalidError
from plughub.domain.roles import TOKEN_ROLE
from plughub.domain.tokens import GENERATED_ROUNDS, GIVEN_ROUNDS, hash_token, token_prefix
from plughub.services.tokens.role_scopes import scopes_of_role
from plughub.storage.store import Transaction

log = logging.getLogger("plughub.tokens")
NOTE: Final = "from api_tokens of the configuration"
"""Note of the tokens, for users; they can give the same note to tokens of their own."""
STORED: Final = "configured-tokens"
"""Key of the setting with the hashes of the stored tokens by their ids, which SQLite may use again."""


def store_user_tokens(tx: Transaction, listed: Mapping[str, str], *, trusted: bool = False) -> None:
    """Store the listed tokens, and delete those that are no longer listed. The call is idempotent.

    Args:
        tx: the transaction.
        listed: normalised usernames by token; users who do not exist are created.
        trusted: whether the tokens cannot be guessed, so that one hash round is enough.

    Raises:
        InvalidError: a token belongs to a service or another user; the message does not contain it.
    """
    tx.user_list.create(sorted(set(listed.values())))
    stored, current = _stored(tx), set[int]()
    for token, name in listed.items():
        key = tx.tokens.matching(token_prefix(token), token)
        known = tx.tokens.by_id(key) if key is not None else None
        if known is None:
            current.add(_create(tx, token, name, rounds=GENERATED_ROUNDS if trusted else GIVEN_ROUNDS))
            continue
        if known.user_id is None or known.owner != name:
            raise InvalidError(f"a token of user {name!r} in api_tokens already belongs to {known.owner!r}")
        if known.id in stored:
            current.add(known.id)
    if removed := stored - current:
        log.warning("deleting %d tokens that are no longer in api_tokens", len(removed))
        tx.tokens.delete(sorted(removed))
    tx.settings.set(STORED, {str(key): hashed for key, hashed in tx.tokens.hashes(current).items()})


def _stored(tx: Transaction) -> set[int]:
    """Return the ids of the tokens that an earlier start stored and that still exist."""
    found: Mapping[str, str] = tx.settings.get(STORED) or {}
    present = tx.tokens.hashes([int(key) for key in found])
    return {key for key, hashed in present.items() if found[str(key)] == hashed}


def _create(tx: Transaction, token: str, name: str, *, rounds: int) -> int:
    user = tx.users.get(name)
    if user is None:
        raise InvalidError(f"user {name!r} of api_tokens does not exist")
    log.info("storing a token of user %s from api_tokens", name)
    created = tx.tokens.create(
        hashed=hash_token(token, rounds=rounds),
        prefix=token_prefix(token),
        user_id=user.id,
        note=NOTE,
        scopes=scopes_of_role(tx, TOKEN_ROLE),
    )
    return created.id
