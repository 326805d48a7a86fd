"""Quoting for HAProxy's configuration file: any text becomes a single word with its literal meaning.

Source:
    HAProxy Configuration Manual, 2.6 and 2.8: "Quoting and escaping", "Custom log format".
"""

from __future__ import annotations

import re
from typing import Final

from plughub.errors import StartError

_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9_.~@:/,=+*%\[\]-]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def word(text: str) -> str:
    """Quote a text as a word, or as part of one.

    Raises:
        StartError: the text has control characters.
    """
    if _CONTROL.search(text):
        raise StartError(f"{text!r} has a control character and cannot be used in haproxy.cfg")
    return _UNSAFE.sub(lambda found: f"\\x{found[0][0]:02x}".encode(), text.encode()).decode("ascii")


def in_format(text: str) -> str:
    """Quote a text as part of a word in which ``%`` begins a variable.

    Raises:
        StartError: the text has control characters.
    """
    return word(text).replace("%", "%%")
