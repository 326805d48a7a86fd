"""Public helper functions for config files and plugins."""

from __future__ import annotations

import secrets

from plughub.classes.network import get_server_info, is_valid_ip, make_ssl_context, random_port
from plughub.classes.processes.listeners import owns_address, process_family
from plughub.classes.retries import cancel_tasks, exponential_backoff, maybe_future, run_sync
from plughub.classes.system_accounts import SystemAccounts
from plughub.domain import tokens
from plughub.domain.backoff import Backoff
from plughub.domain.clock import isoformat, utcnow
from plughub.domain.tokens import GIVEN_ROUNDS, MAX_TOKEN_LENGTH, MIN_TOKEN_LENGTH, compare_token
from plughub.domain.urls import guess_base_url, host_in_url, url_escape_path, url_path_join, url_unescape_path

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
    "url_escape_path",
    "url_path_join",
    "url_unescape_path",
    "utcnow",
]


def new_token(length: int = 32, entropy: int | None = None) -> str:  # noqa: ARG001 - older callers pass it
    """Return a random token.

    Args:
        length: number of hexadecimal digits, 8 to 64.
        entropy: ignored; the operating system supplies the randomness.

    Returns:
        The token.

    Raises:
        ValueError: the length is out of range.
    """
    if not MIN_TOKEN_LENGTH <= length <= MAX_TOKEN_LENGTH:
        raise ValueError(f"a token has {MIN_TOKEN_LENGTH} to {MAX_TOKEN_LENGTH} characters, not {length}")
    return secrets.token_hex(MAX_TOKEN_LENGTH)[:length]


def hash_token(token: str, salt: bytes | str | None = None, rounds: int = GIVEN_ROUNDS) -> str:
    """Hash a token for the database.

    Args:
        token: at most 64 characters.
        salt: hexadecimal digits; random if omitted.
        rounds: number of hash rounds.

    Returns:
        ``algorithm:rounds:salt:hexdigest``.
    """
    text = salt.decode() if isinstance(salt, bytes) else salt or ""
    return tokens.hash_token(token, rounds=rounds, salt=text)
