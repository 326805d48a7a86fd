"""The public CI and the hooks of pre-commit run what tox.ini and dev.py define."""

from __future__ import annotations

import configparser
import itertools
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
yaml = pytest.importorskip("yaml")


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    return found


def environments() -> set[str]:
    """Return the environments of tox.ini that run by default."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    found = set()
    for line in re.split(r"\n|,\s+", parser["tox"]["env_list"]):
        parts = [part.split(",") for part in re.split(r"[{}]", line.strip())]
        found |= {"".join(chosen) for chosen in itertools.product(*parts)}
    return {name for name in found if name}


def started(jobs: dict[str, Any]) -> set[str]:
    """Return the environments that the workflow starts."""
    matrix = {name: job.get("strategy", {}).get("matrix", {}) for name, job in jobs.items()}
    pythons = [version.replace(".", "") for version in matrix["distributions"]["python"]]
    tested = itertools.product(pythons, matrix["distributions"]["distribution"])
    return {
        *matrix["checks"]["environment"],
        *(f"py{python}-{name}" for python, name in tested),
        *(f"oldest-{name}" for name in matrix["oldest"]["distribution"]),
    }


def test_the_workflow_runs_every_environment_of_tox(jobs: dict[str, Any]) -> None:
    left = {name for name in environments() if name.endswith(("-all", "-jupyterhub"))}
    assert len(left) == 6, "the job `everything` runs these, on the machine that .ci/run sets up"
    assert started(jobs) == environments() - left
    assert any(step.get("run") == ".ci/run" for step in jobs["everything"]["steps"])


def test_a_missing_python_fails_the_workflow(jobs: dict[str, Any]) -> None:
    commands = [
        step["run"] for job in jobs.values() for step in job["steps"] if "tox run" in step.get("run", "")
    ]
    assert len(commands) == 3
    assert all("--skip-missing-interpreters false" in command for command in commands)


def test_every_plugin_has_its_environments() -> None:
    plugins = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}
    for version in ("py311", "py312", "py313"):
        assert {name.partition("-")[2] for name in environments() if name.startswith(version)} == {
            "core",
            "all",
            *plugins,
        }


def test_pre_commit_runs_the_same_checks_as_dev_py() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook["entry"].split() for repository in config["repos"] for hook in repository["hooks"]]
    ran = {tuple(word for word in hook if word != "--force-exclude") for hook in hooks}
    checks = runpy.run_path(str(ROOT / "dev.py"))["CHECKS"]
    assert ran == {
        (f".venv/bin/{check[0]}", *(word for word in check[1:] if word != ".")) for check in checks
    }
