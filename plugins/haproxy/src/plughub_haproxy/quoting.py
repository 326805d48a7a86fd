"""Texts in HAProxy's configuration file: whatever a setting holds is one word there, and means itself.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8: "Quoting and escaping", "Custom log format".
"""

from __future__ import annotations

import re
from typing import Final

from plughub.errors import StartError

_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9_.~@:/,=+*%\[\]-]")
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f]")


def word(text: str) -> str:
    """Write a text as a word, or as a part of one.

    Args:
        text: any text without control characters.

    Returns:
        The word.

    Raises:
        StartError: it has control characters.
    """
    if _UNSEEN.search(text):
        raise StartError(f"{text!r} has a control character and cannot stand in haproxy.cfg")
    return _UNSAFE.sub(lambda found: f"\\x{found[0][0]:02x}".encode(), text.encode()).decode("ascii")


def in_format(text: str) -> str:
    """Write a text as a part of a word in which ``%`` begins a variable.

    Args:
        text: any text without control characters.

    Returns:
        The part of the word.

    Raises:
        StartError: it has control characters.
    """
    return word(text).replace("%", "%%")
