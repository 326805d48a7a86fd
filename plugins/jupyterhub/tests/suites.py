"""Suites of checks over classes for JupyterHub, each in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plughub.testing.quick import starts

_SUMMARY = re.compile(r"^(\d+) passed(?:, \d+ x\w+)* in ", re.MULTILINE)


def expect_exceptions(items: list[pytest.Item]) -> None:
    """Expect that the checks in ``exceptions`` of a suite fail; one that passes fails, so the list stays true.

    Those in ``by_chance`` pass or fail, because the class notices something only after a moment.

    Args:
        items: all checks.

    Raises:
        UsageError: one of these names is that of no check.
    """
    left: dict[Any, set[str]] = {}
    for item in items:
        suite = getattr(item, "cls", None)
        exceptions, by_chance = getattr(suite, "exceptions", {}), getattr(suite, "by_chance", {})
        reasons = {**exceptions, **by_chance}
        left.setdefault(suite, set(reasons)).discard(item.name)
        if item.name in reasons:
            strict = item.name in exceptions
            item.add_marker(pytest.mark.xfail(reason=reasons[item.name], strict=strict))
    for suite, names in left.items():
        if names:
            raise pytest.UsageError(
                f"{suite.__name__}: no checks have these names: {', '.join(sorted(names))}"
            )


@starts
def passed(suite: Path, folder: Path) -> int:
    """Run a suite, and return how many checks passed.

    Args:
        suite: file with the suite.
        folder: for temporary files.

    Raises:
        AssertionError: a check failed, or an expected failure did not happen; with the output.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={folder}/suite"]
    command += ["-p", "plughub_jupyterhub"]  # installs the import hook
    for kind in ("DeprecationWarning", "ResourceWarning"):  # of the packages
        command += ["-W", f"ignore::{kind}"]
    run = subprocess.run(
        [*command, str(suite)],
        env={**environment, "KUBECONFIG": f"{folder}/kubeconfig"},
        capture_output=True,
        text=True,
    )
    found = _SUMMARY.search(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert found, run.stdout
    return int(found[1])
