"""Markers for hook implementations and specifications, with the call mode of each hook, and for handlers."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import pluggy

PROJECT: Final = "plughub"
"""Marker name, entry point group and prefix of distributions."""

PREFIX: Final = "hub_"
"""Prefix of hooks; other attributes of a plugin are never read."""

NEEDS_TOKEN: Final = "plughub_needs_token"  # noqa: S105 - a name
"""Attribute of methods of handlers that accept tokens only."""

hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)

F = TypeVar("F", bound=Callable[..., object])


class CallMode(enum.Enum):
    """How the core calls the implementations of a hook, and which answer counts."""

    REGISTER = "register"
    """Called once at start, not awaited; all answers are kept."""
    DECIDE = "decide"
    """Awaited one by one in the order of ``--plugins``; the first answer that is not None wins."""
    VETO = "veto"
    """Every plugin is asked; one refusal, exception or timeout refuses."""
    OWN = "own"
    """Only the plugin that owns the thing is called."""
    TELL = "tell"
    """Every plugin is called; a failure is logged and affects nothing else."""


@dataclass(frozen=True, slots=True)
class HookTerms:
    """Call mode and limits of a hook.

    Attributes:
        calling: which plugins are called, and which answer counts.
        timeout: time limit of one call in seconds.
        optional: whether the owner may omit the hook; the core has a fallback.
    """

    calling: CallMode
    timeout: float
    optional: bool = False


TERMS_ATTRIBUTE: Final = "plughub_terms"


def hook(calling: CallMode, *, timeout: float = 30.0, optional: bool = False) -> Callable[[F], F]:
    """Declare a hook of the contract.

    Args:
        calling: which plugins are called, and which answer counts.
        timeout: time limit of one call in seconds.
        optional: whether the owner may omit the hook.

    Returns:
        A decorator that attaches the `HookTerms` to the function.
    """

    def declare(function: F) -> F:
        setattr(function, TERMS_ATTRIBUTE, HookTerms(calling, timeout, optional))
        return _hookspec(function)

    return declare
