"""Comparing passwords."""

from __future__ import annotations

import hashlib
import hmac


def same(given: str, wanted: str) -> bool:
    """Compare two passwords in a time that tells nothing about them.

    Args:
        given: what somebody typed.
        wanted: what is right.

    Returns:
        Whether they are the same.
    """
    return hmac.compare_digest(_digest(given), _digest(wanted))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
