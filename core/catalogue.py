"""Update the catalogues of texts: collect the messages of the code and compile the translations.

``.venv/bin/python core/catalogue.py`` adds new messages to ``locale/<language>/LC_MESSAGES/plughub.po``
without a translation, removes unused ones, and writes the compiled catalogues: ``plughub.mo`` for Python and
``static/words/<language>.json`` for scripts. With ``--check`` it only reports what is missing or out of date,
and ends with 1 if anything is. It needs Babel; the hub does not.
"""
# ruff: noqa: INP001, T201 - a script, no package

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

HEADERS: Final = frozenset(
    {
        "Project-Id-Version",
        "Language",
        "Plural-Forms",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    }
)
"""Headers of a catalogue that never change by themselves."""
ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "core/src/plughub"
LOCALE: Final = PACKAGE / "locale"
WORDS: Final = PACKAGE / "web/static/words"
SOURCES: Final = (PACKAGE, *sorted(ROOT.glob("plugins/*/src")))
SCRIPTS: Final = sorted((PACKAGE / "web/static/js").rglob("*.js"))
TEMPLATE_OPTIONS: Final = {
    "extensions": "jinja2.ext.i18n", "trimmed": "true", "newstyle_gettext": "true", "trim_blocks": "true",
    "lstrip_blocks": "true", "silent": "false",
}  # fmt: skip
ERRORS: Final = frozenset(
    {
        "ConflictError", "ForbiddenError", "HubError", "InvalidError", "NotFoundError", "ReadOnlyError",
        "SpawnFailed", "TooLargeError", "TooManyError", "UnauthorizedError", "UnavailableError",
        "SpawnFailedError", "PluginError", "Failure", "Progress",
    }
)  # fmt: skip
"""Errors whose literal message and hint are translated where they are displayed."""
FURTHER: Final = frozenset({"ScopeDefinition"})
"""Other records whose first argument is a text for users."""
Message = str | tuple[str, str]


class StableCatalog(Catalog):
    """Catalogue without dates and versions of tools, which would change in each run."""

    @property  # type: ignore[misc]  # the base class has a setter, which nothing here uses
    def mime_headers(self) -> list[tuple[str, str]]:
        """Return the headers of the catalogue."""
        return [header for header in super().mime_headers if header[0] in HEADERS]


def messages_of_python(text: str) -> Iterator[Message]:
    """Return the messages of a Python module: marked texts, and literals of errors."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        first = [part for part in node.args[:2] if isinstance(part, ast.Constant)]
        literals = [part.value for part in first if isinstance(part.value, str) and part.value]
        if name == "ngettext" and len(literals) > 1:
            yield literals[0], literals[1]
        elif name in {"_", "gettext", *FURTHER} and literals:
            yield literals[0]
        elif name in ERRORS:
            yield from literals[: 1 if node.args and node.args[0] in first else 0]
            hints = [part.value for part in node.keywords if part.arg in {"hint", "message"}]
            yield from (
                hint.value
                for hint in hints
                if isinstance(hint, ast.Constant) and isinstance(hint.value, str) and hint.value
            )


def messages_of_template(path: Path) -> Iterator[Message]:
    """Return the messages of a template."""
    with path.open("rb") as file:
        found = babel_extract(file, ("_", "gettext", "ngettext"), (), dict(TEMPLATE_OPTIONS))
        for _line, _function, message, _comments in found:
            yield _plain(message)


def messages_of_script(path: Path) -> Iterator[Message]:
    """Return the messages of a script."""
    with path.open("rb") as file:
        keywords: Any = {"_": None, "_n": (1, 2)}
        for _line, message, _comments, _context in extract("javascript", file, keywords=keywords):
            yield _plain(message)


def _plain(message: Any) -> Message:
    if isinstance(message, str):
        return message
    texts = tuple(part for part in message if isinstance(part, str))
    return (texts[0], texts[1]) if len(texts) > 1 else texts[0]


def collect() -> set[Message]:
    """Return all messages."""
    found: set[Message] = set()
    for source in SOURCES:
        for path in sorted(source.rglob("*.py")):
            found.update(messages_of_python(path.read_text()))
        for path in sorted(source.rglob("templates/**/*.html")):
            found.update(messages_of_template(path))
    for path in SCRIPTS:
        found.update(messages_of_script(path))
    return found


def catalogue_of(path: Path, messages: set[Message]) -> Catalog:
    """Return the catalogue of a language with exactly the given messages."""
    with path.open("rb") as file:
        old = read_po(file)
    new = StableCatalog(
        locale=old.locale, project="plughub", version="1", charset="utf-8", fuzzy=False,
        header_comment="# Translations of the texts of plughub; core/catalogue.py adds the messages.",
    )  # fmt: skip
    for message in sorted(messages, key=str):
        known = old.get(message[0] if isinstance(message, tuple) else message)
        fits = known is not None and bool(known.pluralizable) == isinstance(message, tuple)
        text = known.string if known is not None and fits else ("", "") if isinstance(message, tuple) else ""
        new.add(message, text)
    return new


def missing(catalogue: Catalog) -> list[str]:
    """Return the messages that lack a translation."""
    return [str(message.id) for message in catalogue if message.id and not all(_texts(message.string))]


def _texts(translation: str | Sequence[str] | None) -> Sequence[str]:
    return [translation] if isinstance(translation, str) else translation or [""]


def compiled(catalogue: Catalog) -> tuple[bytes, str, str]:
    """Return the catalogue as .mo, as .po and as JSON for scripts."""
    text, binary = io.BytesIO(), io.BytesIO()
    write_po(text, catalogue, width=110, no_location=True, sort_output=True)
    write_mo(binary, catalogue)
    of_scripts = {message for path in SCRIPTS for message in messages_of_script(path)}
    words = {
        one: entry.string
        for message in sorted(of_scripts, key=str)
        if (entry := catalogue.get(one := message if isinstance(message, str) else message[0]))
        and entry.string
    }
    return binary.getvalue(), text.getvalue().decode(), json.dumps(words, ensure_ascii=False, indent=0) + "\n"


def main() -> int:
    """Update or check the catalogues."""
    check = "--check" in sys.argv[1:]
    messages, wrong = collect(), 0
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/plughub.po")):
        language = path.parent.parent.name
        catalogue = catalogue_of(path, messages)
        for text in missing(catalogue):
            wrong += 1
            print(f"{language}: no translation: {text}")
        binary, text, words = compiled(catalogue)
        for file, content in (
            (path, text.encode()),
            (path.with_suffix(".mo"), binary),
            (WORDS / f"{language}.json", words.encode()),
        ):  # fmt: skip
            if file.exists() and file.read_bytes() == content:
                continue
            if check:
                wrong += 1
                print(f"{file.relative_to(ROOT)} is out of date: run core/catalogue.py")
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
