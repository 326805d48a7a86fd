"""Languages of pages: the catalogues, and the language that a browser asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any, Final

from plughub.domain.words import Text

ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).parent.parent / "locale"
current_language: ContextVar[str] = ContextVar("current_language", default=ENGLISH)
"""Language of the request that is being handled."""

_LONGEST: Final = 200
"""Characters of the header Accept-Language that are read."""
_RANGE: Final = re.compile(
    r"\s*([a-z]{2,3})(?:-[a-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE
)


@cache
def catalogues() -> Mapping[str, NullTranslations]:
    """Return the catalogues by language; that of English is empty."""
    found: dict[str, NullTranslations] = {ENGLISH: NullTranslations()}
    for path in sorted(FOLDER.glob("*/LC_MESSAGES/plughub.mo")):
        with path.open("rb") as file:
            found[path.parent.parent.name] = GNUTranslations(file)
    return found


def choose_language(accepted: str) -> str:
    """Return the language that a browser prefers among those with a catalogue.

    Args:
        accepted: the header Accept-Language; empty for programs.
    """
    if not accepted:
        return ENGLISH
    weights: dict[str, float] = {}
    for part in accepted[:_LONGEST].split(","):
        if (found := _RANGE.fullmatch(part)) and found[1].lower() in catalogues():
            weights.setdefault(found[1].lower(), float(found[2] or 1))
    wanted = {language: weight for language, weight in weights.items() if weight}
    return max(wanted, key=wanted.__getitem__, default=ENGLISH)


def _catalogue() -> NullTranslations:
    return catalogues().get(current_language.get(), catalogues()[ENGLISH])


def gettext(message: str) -> str:
    """Return a message in the language of the request."""
    return _catalogue().gettext(message) if message else ""


def ngettext(one: str, many: str, number: int) -> str:
    """Return the message for a number in the language of the request."""
    return _catalogue().ngettext(one, many, number)


def in_groups(number: float) -> str:
    """Return a number with narrow spaces between thousands and the decimal sign of the request's language.

    Args:
        number: a whole number, or one that is shown with one decimal place.
    """
    text = f"{number:,}" if isinstance(number, int) else f"{number:,.1f}"
    text = text.replace(",", "\u202f")
    return text.replace(".", ",") if current_language.get() == "de" else text


def translated(value: Any) -> Any:
    """Return a `Text` in the language of the request, and everything else unchanged.

    Args:
        value: any value of a template or a response.
    """
    if not isinstance(value, Text):
        return value
    values = {name: translated(part) for name, part in value.values.items()}
    one, many = value.message, value.plural
    message = ngettext(one, many, values["num"]) if many else gettext(one)
    return message % values if values else message


def known(text: Any) -> Any:
    """Translate a text that was stored or sent as plain English, if the catalogue contains it.

    Args:
        text: a text; other values are returned unchanged.
    """
    return gettext(text) if type(text) is str else translated(text)
