"""Code blocks of pages, for tests that run what the documentation shows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(
    r"^<!-- (?:file|run): (?P<name>\S+) -->\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks_of(page: Path) -> dict[str, str]:
    """Return the marked code blocks of a page.

    Args:
        page: in Markdown. ``<!-- file: NAME -->`` on the line before a block marks a file, and
            ``<!-- run: NAME -->`` commands of a shell.

    Returns:
        Texts by name.
    """
    return {found["name"]: found["text"] for found in _BLOCK.finditer(page.read_text())}


def replaced(text: str, values: Mapping[str, str]) -> str:
    """Replace what differs between the page and the machine of the test.

    Args:
        text: of a block.
        values: replacements by what they replace.

    Raises:
        AssertionError: the text does not contain one of them.
    """
    for old, new in values.items():
        assert old in text, f"the block does not contain {old!r}"
        text = text.replace(old, new)
    return text
