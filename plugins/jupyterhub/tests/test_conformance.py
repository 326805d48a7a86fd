"""Classes for JupyterHub keep the contracts of spawners and authenticators."""

from __future__ import annotations

from pathlib import Path

import pytest

from .suites import passed


@pytest.mark.timeout(180)
def test_classes_for_jupyterhub_keep_the_contracts(tmp_path):
    suite = Path(__file__).parent / "adapted_classes.py"
    assert passed(suite, tmp_path) > 120
