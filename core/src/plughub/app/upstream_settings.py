"""Settings of JupyterHub that plughub does not have, and what to use instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INSTEAD: Final[Mapping[str, str]] = {}
"""Advice for each setting, by class and name."""
