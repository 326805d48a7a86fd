"""The tutorials work as written: each block is run in order, on this machine."""

import contextlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from plughub.testing.tutorials import TutorialReader

TUTORIALS = Path(__file__).resolve().parents[3] / "docs" / "tutorials"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def reader(tmp_path):
    """Return a reader of a tutorial in an empty folder; end everything that the reader leaves running."""
    made = []

    def of(name, **env):
        made.append(TutorialReader(TUTORIALS / name, tmp_path, {"PATH": PATH, **env}))
        return made[-1]

    yield of
    for one in made:
        one.interrupt()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(tmp_path):
                process.kill()


@pytest.mark.node
@pytest.mark.skipif(importlib.util.find_spec("jupyterhub") is None, reason="jupyterhub is not installed")
@pytest.mark.skipif(
    shutil.which("configurable-http-proxy") is None, reason="configurable-http-proxy is not installed"
)
def test_moving_a_jupyterhub(reader):
    moving = reader("moving.md")
    moving.read()
    assert (moving.skipped, moving.count) == ([], 6)


def test_my_first_plugin(reader, tmp_path):
    pytest.importorskip("hatchling", reason="hatchling, which builds the plugin, is not installed")
    site = tmp_path / "site"
    # With "no", pip builds without isolation: the variable is the opposite of its name.
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "no", "PIP_TARGET": str(site)}
    first = reader("first-plugin.md", **offline, PYTHONPATH=str(site), PIP_ROOT_USER_ACTION="ignore")
    first.read()
    assert (first.skipped, first.count) == ([], 5)


def test_no_tutorial_is_without_a_test():
    tests = Path(__file__).read_text() + Path(__file__).with_name("test_first_steps.py").read_text()
    assert all(f'"{page.name}"' in tests for page in TUTORIALS.glob("*.md"))
