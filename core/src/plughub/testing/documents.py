"""Code blocks of pages, for tests that run what the documentation shows."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<kind>file|run|not run): (?P<name>.+?) -->\n *)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


def blocks_of(page: Path) -> dict[str, str]:
    """Return the marked code blocks of a page.

    Args:
        page: in Markdown. ``<!-- file: NAME -->`` on the line before a block marks a file, and
            ``<!-- run: NAME -->`` commands of a shell.

    Returns:
        Texts by name.
    """
    return {
        found["name"]: textwrap.dedent(found["text"])
        for found in _BLOCK.finditer(page.read_text())
        if found["kind"] in {"file", "run"}
    }


def commands_of(page: Path) -> list[tuple[str, str]]:
    """Return the commands and configuration files of a page, except configurations in Python.

    Args:
        page: in Markdown. ``<!-- not run: REASON -->`` on the line before a block says why no test runs it.

    Returns:
        For each block its text and its mark, such as ``run: NAME``; the mark is empty where there is none.
    """
    return [
        (textwrap.dedent(found["text"]), f"{found['kind']}: {found['name']}" if found["kind"] else "")
        for found in _BLOCK.finditer(page.read_text())
        if found["language"] not in {"", "python", "text"}
    ]


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
