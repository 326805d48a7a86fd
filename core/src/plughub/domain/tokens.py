"""Creation, hashing and verification of tokens.

A stored token has the form ``algorithm:rounds:salt:digest``. With ``sha512``, as in JupyterHub, the digest is
hexadecimal and taken over the salt followed by the token, repeated for each round. With ``pbkdf2_sha512``, it
is that of PBKDF2 in Base64. The same with SHA-256 and SHA-384, and with ``$`` for the colons, is accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
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
MAX_ROUNDS: Final = 2_000_000
"""Rounds of the most expensive hash that is read."""
SALT_BYTES: Final = 8
SHARE_CODE_BYTES: Final = 32
OAUTH_TOKEN_LENGTH: Final = 30

_ALPHANUMERIC: Final = string.ascii_letters + string.digits
_ALGORITHM: Final = "sha512"
_PBKDF2: Final = "pbkdf2_"
ALGORITHMS: Final = frozenset(
    f"{kind}{name}" for kind in ("", _PBKDF2) for name in ("sha256", "sha384", "sha512")
)
"""Algorithms of the hashes that are read."""
_FORM: Final = re.compile(
    r"(?P<algorithm>(?:pbkdf2_)?sha(?:256|384|512))(?P<mark>[:$])(?P<rounds>[1-9][0-9]{0,6})(?P=mark)"
    r"(?P<salt>(?:(?!(?P=mark))[!-~])+)(?P=mark)(?P<digest>[0-9A-Za-z+/=]+)"
)


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


def hash_token(
    token: str,
    *,
    rounds: int = GIVEN_ROUNDS,
    salt: str = "",
    algorithm: str = _ALGORITHM,
    longest: int = MAX_TOKEN_LENGTH,
) -> str:
    """Hash a token for the database.

    Args:
        token: the token.
        rounds: `GENERATED_ROUNDS` or `GIVEN_ROUNDS`; the latter takes about a millisecond.
        salt: hexadecimal digits; random if empty.
        algorithm: ``sha512``, or ``pbkdf2_sha512`` for PBKDF2.
        longest: characters of the longest token.

    Returns:
        ``algorithm:rounds:salt:digest``.

    Raises:
        InvalidError: the token is too long.
    """
    if len(token) > longest:
        raise InvalidError(f"a token has at most {longest} characters, this one has {len(token)}")
    salt = salt or secrets.token_hex(SALT_BYTES)
    return f"{algorithm}:{rounds}:{salt}:{_digest(algorithm, token, salt, rounds)}"


def compare_token(token: str, hashed: str, *, longest: int = MAX_TOKEN_LENGTH) -> bool:
    """Compare a token with a hash in constant time.

    Args:
        token: the token of a request.
        hashed: result of `hash_token`.
        longest: characters of the longest token.

    Returns:
        True if they match; False also for an invalid hash or a token that is too long.
    """
    stored = _FORM.fullmatch(hashed)
    if stored is None or int(stored["rounds"]) > MAX_ROUNDS or len(token) > longest:
        return False
    digest = _digest(stored["algorithm"], token, stored["salt"], int(stored["rounds"]))
    return hmac.compare_digest(digest.rstrip("=").encode(), stored["digest"].rstrip("=").encode())


def is_hashed(text: str) -> bool:
    """Return whether a text has the form of a stored token."""
    return _FORM.fullmatch(text) is not None


def _digest(algorithm: str, token: str, salt: str, rounds: int) -> str:
    text = token.encode(errors="replace")
    if algorithm.startswith(_PBKDF2):
        found = hashlib.pbkdf2_hmac(algorithm.removeprefix(_PBKDF2), text, salt.encode(), rounds)
        return base64.b64encode(found).decode()
    return hashlib.new(algorithm, salt.encode() + text * rounds).hexdigest()
