"""Public helper functions for config files and plugins."""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from plughub.classes.network import get_server_info, is_valid_ip, random_port
from plughub.classes.processes.listeners import owns_address, process_family
from plughub.classes.retries import cancel_tasks, exponential_backoff, maybe_future, run_sync
from plughub.classes.system_accounts import SystemAccounts
from plughub.classes.tls_context import make_ssl_context
from plughub.domain import tokens
from plughub.domain.backoff import Backoff
from plughub.domain.clock import isoformat, utcnow
from plughub.domain.secrets import scrub
from plughub.domain.tokens import GIVEN_ROUNDS
from plughub.domain.unix_sockets import unix_socket_path
from plughub.domain.urls import guess_base_url, host_in_url, url_escape_path, url_path_join, url_unescape_path
from plughub.markers import NEEDS_TOKEN

__all__ = [
    "Backoff",
    "SystemAccounts",
    "cancel_tasks",
    "compare_token",
    "exponential_backoff",
    "get_server_info",
    "guess_base_url",
    "hash_token",
    "host_in_url",
    "is_valid_ip",
    "isoformat",
    "make_ssl_context",
    "maybe_future",
    "new_token",
    "owns_address",
    "process_family",
    "random_port",
    "run_sync",
    "scrub",
    "token_authenticated",
    "unix_socket_path",
    "url_escape_path",
    "url_path_join",
    "url_unescape_path",
    "utcnow",
]


_PRINTABLE: Final = re.compile(rb"[!-9;-~]+")
_LONGEST: Final = 1024
"""Characters of the longest token that these functions accept; the hub itself accepts tokens of 8 to 64."""
_COLUMN: Final = 255
"""Characters of the longest hash that the database stores."""

P = ParamSpec("P")
T = TypeVar("T")


def new_token(length: int = 32, entropy: int | None = None) -> str:  # noqa: ARG001 - older callers pass it
    """Return a random token of hexadecimal digits, like JupyterHub's.

    Args:
        length: number of characters, 1 to 1024. As tokens of users, the hub accepts those of 8 to 64.
        entropy: ignored; the operating system supplies the randomness.

    Returns:
        The token, with 4 bits of randomness in each character.

    Raises:
        ValueError: the length is out of range.
    """
    if not 1 <= length <= _LONGEST:
        raise ValueError(f"a token has 1 to {_LONGEST} characters, not {length}")
    return secrets.token_hex((length + 1) // 2)[:length]


def hash_token(
    token: str,
    salt: bytes | str | int | None = None,
    rounds: int = GIVEN_ROUNDS,
    algorithm: str = "sha512",
) -> str:
    """Hash a token for the database, in the form in which the hub and JupyterHub read it.

    Args:
        token: at most 1024 characters.
        salt: text or bytes, or the number of random bytes; random if omitted. Bytes that are not printable
            are written as hexadecimal digits.
        rounds: number of hash rounds.
        algorithm: ``sha256``, ``sha384`` or ``sha512``, or one of them with the prefix ``pbkdf2_`` for PBKDF2
            with a digest in Base64.

    Returns:
        ``algorithm:rounds:salt:digest``.

    Raises:
        ValueError: an argument is out of range.
        InvalidError: the token is too long.
    """
    is_known = algorithm in tokens.ALGORITHMS and 1 <= rounds <= tokens.MAX_ROUNDS
    hashed = (
        tokens.hash_token(token, rounds=rounds, salt=_salt(salt), algorithm=algorithm, longest=_LONGEST)
        if is_known
        else ""
    )
    if not tokens.is_hashed(hashed) or len(hashed) > _COLUMN:
        raise ValueError(
            f"a hash needs an algorithm ({', '.join(sorted(tokens.ALGORITHMS))}), 1 to {tokens.MAX_ROUNDS} "
            "rounds, and a short salt without colons"
        )
    return hashed


def compare_token(token: str, hashed: str) -> bool:
    """Compare a token with a hash in constant time.

    The arguments may be exchanged, as in JupyterHub's ``compare_token(hashed, token)``: the hash has a form
    that no token has. Two hashes never match.

    Args:
        token: the plain token.
        hashed: result of `hash_token`, or a hash from a database of JupyterHub.

    Returns:
        True if they match.
    """
    # A token in the form of a hash could otherwise be made from a stolen hash and compared in reverse.
    if tokens.is_hashed(token):
        token, hashed = hashed, token
    return not tokens.is_hashed(token) and tokens.compare_token(token, hashed, longest=_LONGEST)


def token_authenticated(method: Callable[P, T]) -> Callable[P, T]:
    """Require a valid token for a method of a handler; login cookies do not count.

    For handlers derived from `plughub.handlers`, and others that have ``get_current_user_token()``::

        class Notices(APIHandler):
            @token_authenticated
            async def get(self): ...

    Args:
        method: method of a handler.

    Returns:
        The method, which answers 403 without a valid token.
    """

    @functools.wraps(method)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        handler: Any = args[0]
        if handler.get_current_user_token() is None:
            from tornado.web import HTTPError  # noqa: PLC0415 - most callers need no web framework

            raise HTTPError(403, "a valid token is required in the header Authorization")
        return method(*args, **kwargs)

    setattr(checked, NEEDS_TOKEN, True)
    return checked


def _salt(salt: bytes | str | int | None) -> str:
    if isinstance(salt, int):
        salt = secrets.token_hex(salt) if 0 < salt <= _COLUMN else ":"
    if isinstance(salt, bytes):
        salt = salt.decode() if _PRINTABLE.fullmatch(salt) else salt.hex()
    return salt or ""
