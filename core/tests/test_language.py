"""The floor of plain English: phrases and module names that this repository must not contain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("core", "plugins", "docs", "examples", "bench")
SKIPPED = {"node_modules", "__pycache__", "versions", Path(__file__).name}
PRONOUNS = re.compile(r"\b(she|her|hers|herself|he|his|him|himself)\b", re.IGNORECASE)
PHRASES = re.compile(
    r"\b(for ever|nobody knows|anew|minds|(?:is|are|was|were) given up|goes on|somebody|whoever|signs? of life)\b",
    re.IGNORECASE,
)
OPENINGS = re.compile(r"(Give|Tell|Say|Whether|What|Who|Where|Which|How|Why)\b")
"""Imperatives say what a function does: "Return …", "Report …"; questions do not."""
NOUNS_ON_ING = {"monitoring", "pending", "quoting", "spelling", "testing"}
"""Last words of module names that are no gerunds of an action; `spawn-pending` is the name of a page."""


def texts() -> Iterator[Path]:
    """Return the files that people read, without what was generated or taken from elsewhere."""
    for path in chain(ROOT.glob("*"), *(ROOT.joinpath(folder).rglob("*") for folder in FOLDERS)):
        if (
            path.suffix in {".py", ".md", ".html", ".toml"}
            and not SKIPPED & set(path.parts)
            and path.is_file()
        ):
            yield path


@cache
def contents() -> dict[Path, str]:
    return {path: path.read_text() for path in texts()}


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in contents().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_users_are_they_and_components_are_it() -> None:
    assert places(PRONOUNS) == []


def test_no_text_uses_filler_or_drama() -> None:
    assert places(PHRASES) == []


def test_every_module_is_a_noun() -> None:
    modules = {path for path in texts() if path.suffix == ".py" and "src" in path.parts}
    participles = {
        path
        for path in modules
        if (word := path.stem.split("_")[-1]).endswith("ing") and word not in NOUNS_ON_ING
    }
    assert {str(path.relative_to(ROOT)) for path in participles} == set()
    assert len(modules) > 300


def test_a_docstring_begins_with_what_the_function_does() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {opening.splitlines()[0]}"
        for path, text in contents().items()
        # Only few files have such words there, and need to be parsed.
        if path.suffix == ".py" and re.search(rf"[\"'\\]\s*{OPENINGS.pattern}", text)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and OPENINGS.match(opening := ast.get_docstring(node) or "")
    ]
    assert wrong == []
