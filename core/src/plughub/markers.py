"""The marks of the contract: who implements a hook, and how a hook is called."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import pluggy

PROJECT: Final = "plughub"
"""Marker name, entry point group and distribution prefix at once."""

PREFIX: Final = "hub_"
"""Only names that begin like this are looked at when a plugin is registered."""

hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)

F = TypeVar("F", bound=Callable[..., object])


class CallMode(enum.Enum):
    """How the core calls the implementations of a hook, and who wins."""

    REGISTER = "register"
    """Called once at start, not awaited; all answers are kept."""
    DECIDE = "decide"
    """Awaited one by one in the order of ``--plugins``; the first answer that is not None wins."""
    VETO = "veto"
    """Every plugin is asked; one refusal, one exception or one time-out refuses."""
    OWN = "own"
    """Only the plugin that owns the thing is called."""
    TELL = "tell"
    """All are told; a failure is logged and hurts nobody."""


@dataclass(frozen=True, slots=True)
class HookTerms:
    """The terms on which a hook is called.

    Attributes:
        calling: who is called, and who wins.
        timeout: seconds after which one implementation is given up.
        optional: an owner need not implement this hook; the core has a fallback.
    """

    calling: CallMode
    timeout: float
    optional: bool = False


TERMS_ATTRIBUTE: Final = "plughub_terms"


def hook(calling: CallMode, *, timeout: float = 30.0, optional: bool = False) -> Callable[[F], F]:
    """Declare a hook of the contract.

    Args:
        calling: who is called, and who wins.
        timeout: seconds after which one implementation is given up.
        optional: an owner need not implement this hook.

    Returns:
        A decorator that leaves the function as it is and notes its terms.
    """

    def declare(function: F) -> F:
        setattr(function, TERMS_ATTRIBUTE, HookTerms(calling, timeout, optional))
        return _hookspec(function)

    return declare
