"""Comparison of passwords."""

from __future__ import annotations

import hashlib
import hmac


def passwords_match(given: str, wanted: str) -> bool:
    """Compare two passwords in constant time."""
    return hmac.compare_digest(_digest(given), _digest(wanted))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
