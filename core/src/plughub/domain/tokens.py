"""Creation, hashing and verification of tokens.

A stored token has the form ``algorithm:rounds:salt:hexdigest``, as in JupyterHub. The digest is taken over
the salt followed by the token, repeated for each round.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from typing import Final

from plughub.domain.errors import InvalidError

MAX_TOKEN_LENGTH: Final = 64
"""Characters of the longest token; a longer text is never hashed."""
SERVER_NOTE: Final = "Server at "
"""Prefix of the notes of servers' own tokens, as in JupyterHub."""
MIN_TOKEN_LENGTH: Final = 8
"""Characters of the shortest token that a user or administrator may choose."""
PREFIX_LENGTH: Final = 4
GENERATED_ROUNDS: Final = 1
"""Hash rounds for generated tokens, which cannot be guessed."""
GIVEN_ROUNDS: Final = 16384
"""Hash rounds for tokens and client secrets that a user or administrator chose."""
SALT_BYTES: Final = 8
SHARE_CODE_BYTES: Final = 32
OAUTH_TOKEN_LENGTH: Final = 30

_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_ALGORITHM: Final = "sha512"
_ALGORITHMS: Final = frozenset({"sha256", "sha384", "sha512"})


def new_token() -> str:
    """Return a new API token of 32 hexadecimal digits."""
    return secrets.token_hex(16)


def new_oauth_token() -> str:
    """Return a new OAuth access token or code of 30 letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(OAUTH_TOKEN_LENGTH))


def new_share_code() -> str:
    """Return a new share code of 43 URL-safe characters."""
    return secrets.token_urlsafe(SHARE_CODE_BYTES)


def token_prefix(token: str) -> str:
    """Return the part of a token that indexes it in the database."""
    return token[:PREFIX_LENGTH]


def check_given_token(token: str) -> str:
    """Return a chosen token if its length is valid.

    Raises:
        InvalidError: it is too short or too long; the message does not contain it.
    """
    if not MIN_TOKEN_LENGTH <= len(token) <= MAX_TOKEN_LENGTH:
        raise InvalidError(
            f"a token has {MIN_TOKEN_LENGTH} to {MAX_TOKEN_LENGTH} characters, this one has {len(token)}"
        )
    return token


def hash_token(token: str, *, rounds: int = GIVEN_ROUNDS, salt: str = "", algorithm: str = _ALGORITHM) -> str:
    """Hash a token for the database.

    Args:
        token: at most `MAX_TOKEN_LENGTH` characters.
        rounds: `GENERATED_ROUNDS` or `GIVEN_ROUNDS`; the latter takes about a millisecond.
        salt: hexadecimal digits; random if empty.
        algorithm: ``sha512``.

    Returns:
        ``algorithm:rounds:salt:hexdigest``.

    Raises:
        InvalidError: the token is too long.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidError(f"a token has at most {MAX_TOKEN_LENGTH} characters, this one has {len(token)}")
    salt = salt or secrets.token_hex(SALT_BYTES)
    digest = hashlib.new(algorithm, salt.encode() + token.encode(errors="replace") * rounds).hexdigest()
    return f"{algorithm}:{rounds}:{salt}:{digest}"


def compare_token(token: str, hashed: str) -> bool:
    """Compare a token with a hash in constant time.

    Args:
        token: the token of a request.
        hashed: result of `hash_token`.

    Returns:
        True if they match; False also for an invalid hash or a token that is too long.
    """
    algorithm, _, rest = hashed.partition(":")
    rounds, _, rest = rest.partition(":")
    salt = rest.partition(":")[0]
    readable = algorithm in _ALGORITHMS and rounds.isascii() and rounds.isdigit() and salt
    if not readable or len(token) > MAX_TOKEN_LENGTH:
        return False
    again = hash_token(token, rounds=int(rounds), salt=salt, algorithm=algorithm)
    return hmac.compare_digest(again.encode(), hashed.encode())
