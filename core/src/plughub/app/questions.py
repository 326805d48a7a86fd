"""Questions that a command asks before it replaces or deletes something."""

from __future__ import annotations

import sys

from plughub.app.config import JupyterHub


def is_confirmed(hub: JupyterHub, question: str) -> bool:
    """Return whether the administrator agrees.

    Args:
        hub: the settings; ``answer_yes``, which ``-y`` sets, answers every question with yes.
        question: ends with a question mark.

    Returns:
        True if so; False without a terminal on which the question could be asked.
    """
    if hub.answer_yes:
        return True
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
