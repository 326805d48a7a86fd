"""Explanations in two parts: a sentence for users, and details for administrators.

Paths, settings, commands and texts of exceptions are details. Where an explanation is stored as one text, its
first line is for everybody and the rest is the details.
"""

from __future__ import annotations


def with_details(message: str, details: str) -> str:
    """Write an explanation as one text.

    Args:
        message: for everybody.
        details: for administrators and the log; empty for none.

    Returns:
        The text to store.
    """
    message, details = " ".join(message.split()), " ".join(details.split())
    return f"{message}\n{details}" if details else message


def parts_of(text: str) -> tuple[str, str]:
    """Part an explanation.

    Args:
        text: as `with_details` wrote it.

    Returns:
        The message and the details, which may be empty.
    """
    message, _, details = text.partition("\n")
    return message, details


def explained(text: str, *, details: bool) -> str:
    """Give as much of an explanation as the reader may see.

    Args:
        text: as `with_details` wrote it.
        details: whether the reader is an administrator, or the log.

    Returns:
        One line.
    """
    message, more = parts_of(text)
    return f"{message}: {more}" if details and more else message
