"""Texts for users contain no path, setting, command or exception text: these belong in the detail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = [
    *ROOT.glob("core/src/plughub/*/**/*.py"),
    *ROOT.glob("plugins/*/src/**/*.py"),
    *ROOT.glob("examples/*/*/*.py"),
]
FOR_OPERATORS = ("app", "cli", "testing")
"""Packages of the core whose messages are for administrators and plugin authors."""
FOR_USERS = {
    "SpawnFailed", "EngineError", "Diagnosis", "Refusal", "Rejected", "Failure", "HubError", "InvalidError", "ForbiddenError",
    "NotFoundError", "ConflictError", "TooManyError", "UnavailableError", "SpawnFailedError", "HTTPError",
}  # fmt: skip
"""Classes with a text for users: the first argument, or ``message``, ``reason`` or ``hint``."""
OPERATORS_ONLY = {"users/configuration_sync.py", "plughub_haproxy/targets.py"}
"""Modules whose errors are about the config file and about routes of services."""
NOT_FOR_USERS = {
    "a setting": re.compile(r"\b[A-Z]\w+\.[a-z]\w+\b|\bc\.[A-Z]\w+|\b\w+_(timeout|class|url|limit)\b"),
    "a path": re.compile(r"(?<![\w:/<{}])/(?:usr|etc|home|opt|var|srv|tmp|bin|dev)\b"),
    "a command": re.compile(
        r"\b(?:useradd|adduser|chmod|chown|sudo|pip install|docker \w+|hub -f)\b|(?<!\w)--[a-z]"
    ),
    "the name of an exception": re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b|\[Errno"),
    "a variable": re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b"),
}
OF_AN_EXCEPTION = re.compile(r"\b(?:error|exc|err|mistake|cause)\b(?!\.(?:message|status))|strerror")


def texts_of(call: ast.Call) -> Iterator[ast.expr]:
    yield from call.args[:1]
    yield from (given.value for given in call.keywords if given.arg in {"message", "reason", "hint"})


def calls_for_users(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in FOR_USERS:
                yield node


def problems(text: ast.expr) -> Iterator[str]:
    """Yield what a text in the source contains that users should not read."""
    for part in ast.walk(text):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from (what for what, found in NOT_FOR_USERS.items() if found.search(part.value))
        if isinstance(part, ast.FormattedValue) and OF_AN_EXCEPTION.search(ast.unparse(part.value)):
            yield f"the text of an exception ({ast.unparse(part.value)})"
    if isinstance(text, ast.Call) and OF_AN_EXCEPTION.search(ast.unparse(text)):
        yield f"the text of an exception ({ast.unparse(text)})"


def is_for_users(file: Path) -> bool:
    inner = file.relative_to(ROOT).parts
    of_operators = inner[:3] == ("core", "src", "plughub") and inner[3] in FOR_OPERATORS
    return not of_operators and not any(str(file).endswith(name) for name in OPERATORS_ONLY)


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(PLACES) if is_for_users(file)],
    ids=lambda file: str(file.relative_to(ROOT)),
)
def test_texts_for_users_contain_nothing_for_administrators(file):
    wrong = [
        f"{file.name}:{call.lineno}: {problem}"
        for call in calls_for_users(file)
        for text in texts_of(call)
        for problem in problems(text)
    ]
    assert not wrong, "\n".join(wrong)
