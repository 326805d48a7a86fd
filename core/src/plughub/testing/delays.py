"""Short delays for tests in which something is retried, or is written a little later."""

from __future__ import annotations

import dataclasses
import sys
from functools import lru_cache
from types import ModuleType
from typing import Final

import pytest

from plughub.domain import timings
from plughub.domain.backoff import Backoff

RETRIES: Final = (
    "AUDIT_GATHER_SECONDS",
    "AUDIT_RETRY_SECONDS",
    "REDIRECT_BACKOFF",
    "RESTART_LOOP_SECONDS",
    "RETRY_BACKOFF",
    "RETRY_SECONDS",
    "ROUTE_BACKOFF",
    "STOP_BACKOFF",
    "UNDO_BACKOFF",
)
"""Timings of `plughub.domain.timings` after which the hub retries what failed, or writes its audit trail."""


def shorten(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...] = RETRIES, factor: float = 10) -> None:
    """Shorten timings of the hub, in all modules of it that are loaded; the order of delays stays.

    Args:
        monkeypatch: restores the timings.
        names: of the timings, which modules import.
        factor: by which they become shorter.
    """
    short = {name: _shortened(getattr(timings, name), factor) for name in names}
    for module, name in _uses(names, len(sys.modules)):
        monkeypatch.setattr(module, name, short[name])


@lru_cache(maxsize=8)
def _uses(names: tuple[str, ...], _loaded: int) -> list[tuple[ModuleType, str]]:
    """Return which modules import which timings; most tests load no more modules."""
    modules = [module for name, module in sys.modules.items() if name.startswith("plughub.")]
    return [
        (module, name)
        for module in modules
        if module is not timings
        for name in names
        if name in vars(module)
    ]


def _shortened(timing: Backoff | float, factor: float) -> Backoff | float:
    if isinstance(timing, Backoff):
        return dataclasses.replace(timing, first=timing.first / factor, longest=timing.longest / factor)
    return timing / factor
