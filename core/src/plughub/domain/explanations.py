"""Explanations with a sentence for users and details for administrators.

Paths, settings, commands and texts of exceptions are details. If an explanation is stored as one text, its
first line is for everyone, and the rest contains the details.
"""

from __future__ import annotations

from plughub.domain.words import Text


def with_details(message: str, details: str) -> str:
    """Combine a message for everyone and details for administrators into one text."""
    message, details = " ".join(message.split()), " ".join(details.split())
    return f"{message}\n{details}" if details else message


def parts_of(text: str) -> tuple[str, str]:
    """Split a text of `with_details` into message and details; the details may be empty."""
    message, _, details = text.partition("\n")
    return message, details


def explained(text: str, *, details: bool) -> str:
    """Return the part of an explanation that the reader may see, as one line.

    Args:
        text: a text of `with_details`.
        details: whether the reader is an administrator or the log.
    """
    message, more = parts_of(text)
    return f"{message}: {more}" if details and more else Text(message)
