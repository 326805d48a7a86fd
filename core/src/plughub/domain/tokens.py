"""Tokens: making them, and keeping only a hash of each.

A stored token reads ``algorithm:rounds:salt:hexdigest``; the digest is taken over the salt followed by
the token as often as there are rounds. Databases of JupyterHub hold the same form.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from typing import Final

from plughub.domain.errors import InvalidError

MAX_TOKEN_LENGTH: Final = 64
"""Characters; what is longer is no token and is never hashed."""
SERVER_NOTE: Final = "Server at "
"""Begins the notes of servers' own tokens, as in JupyterHub."""
MIN_TOKEN_LENGTH: Final = 8
"""Characters that a token must have which somebody chose."""
PREFIX_LENGTH: Final = 4
GENERATED_ROUNDS: Final = 1
"""A generated token cannot be guessed, so one round is enough."""
GIVEN_ROUNDS: Final = 16384
"""For tokens and client secrets that somebody chose."""
SALT_BYTES: Final = 8
SHARE_CODE_BYTES: Final = 32
OAUTH_TOKEN_LENGTH: Final = 30

_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_ALGORITHM: Final = "sha512"
_ALGORITHMS: Final = frozenset({"sha256", "sha384", "sha512"})


def new_token() -> str:
    """Make an API token.

    Returns:
        32 hexadecimal digits.
    """
    return secrets.token_hex(16)


def new_oauth_token() -> str:
    """Make an access token or a code of OAuth.

    Returns:
        30 letters and digits.
    """
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(OAUTH_TOKEN_LENGTH))


def new_share_code() -> str:
    """Make a code that gives access to a shared server.

    Returns:
        43 characters that need no escape in a URL.
    """
    return secrets.token_urlsafe(SHARE_CODE_BYTES)


def token_prefix(token: str) -> str:
    """Give the part of a token by which it is looked up.

    Args:
        token: the token.

    Returns:
        Its first four characters.
    """
    return token[:PREFIX_LENGTH]


def check_given_token(token: str) -> str:
    """Check a token that somebody chose.

    Args:
        token: the token.

    Returns:
        The token.

    Raises:
        InvalidError: it is too short or too long; the message does not hold it.
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
        salt: hexadecimal digits; new ones when empty.
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
    """Tell in constant time whether a token is the one that was hashed.

    Args:
        token: what somebody sent; too long is simply wrong.
        hashed: as `hash_token` made it.

    Returns:
        True when it is; False also for a hash that cannot be read.
    """
    algorithm, _, rest = hashed.partition(":")
    rounds, _, rest = rest.partition(":")
    salt = rest.partition(":")[0]
    readable = algorithm in _ALGORITHMS and rounds.isascii() and rounds.isdigit() and salt
    if not readable or len(token) > MAX_TOKEN_LENGTH:
        return False
    again = hash_token(token, rounds=int(rounds), salt=salt, algorithm=algorithm)
    return hmac.compare_digest(again.encode(), hashed.encode())
