"""Tests do not sleep: they wait for conditions, with plughub.testing.conditions."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLEEPS = ("time.sleep", "asyncio.sleep", "gen.sleep")
TESTS = sorted(
    path
    for folder in ("core/tests", "plugins/*/tests", "examples")
    for top in ROOT.glob(folder)
    for path in top.rglob("*.py")
    if not {"old_databases", ".venv", "build"} & set(path.parts)
)


def sleeps_in(source: str) -> list[str]:
    """List the calls that sleep; ``sleep(0)`` only yields to other tasks."""
    found: list[str] = []
    if "sleep" not in source:  # parsing takes long
        return found
    imported = {"sleep"} if "import sleep" in source else set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {*SLEEPS, *imported}:
            call = ast.unparse(node)
            if not call.endswith("(0)"):
                found.append(f"line {node.lineno}: {call}")
    return found


def test_a_test_waits_for_conditions_and_never_sleeps() -> None:
    found = {str(path.relative_to(ROOT)): sleeps_in(path.read_text()) for path in TESTS}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_sleeps_are_found() -> None:
    source = "import asyncio, time\ntime.sleep(1)\nasync def f():\n    await asyncio.sleep(0.1)\n    await asyncio.sleep(0)"
    assert sleeps_in(source) == ["line 2: time.sleep(1)", "line 4: asyncio.sleep(0.1)"]
    assert sleeps_in("from time import sleep\nsleep(2)") == ["line 2: sleep(2)"]
