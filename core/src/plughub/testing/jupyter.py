"""A JupyterLab that every system user of this machine can run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from plughub.testing.pythons import python_for_everybody
from plughub.testing.workers import alone

JUPYTER: Final = Path("/var/tmp/plughub-tests-jupyter")  # noqa: S108 - shared by several runs
PACKAGES: Final = ("jupyterhub>=5", "jupyterlab>=4")


def shared_jupyter() -> Path:
    """Install JupyterLab for every system user, unless it is installed. Requires root.

    Returns:
        The command ``jupyterhub-singleuser``; ``python`` is beside it.
    """
    with alone("jupyter"):
        if not (JUPYTER / "complete").exists():
            shutil.rmtree(JUPYTER, ignore_errors=True)
            python = python_for_everybody()
            if python is None:
                pytest.skip("no Python here that all system users may run")
            subprocess.run([python, "-m", "venv", JUPYTER], check=True)
            subprocess.run(
                [JUPYTER / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True, timeout=600
            )
            (JUPYTER / "complete").touch()
    return JUPYTER / "bin" / "jupyterhub-singleuser"
