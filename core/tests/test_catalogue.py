"""The catalogues of texts are complete, and texts of templates and scripts are marked for translation."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2 import Environment

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "core/src/plughub"
CATALOGUES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/plughub.po"))
TEMPLATES = sorted((PACKAGE / "web/templates").rglob("*.html"))
SCRIPTS = sorted((PACKAGE / "web/static/js").rglob("*.js"))
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w+\}|<[^>]+>")
NAMES = {"plughub", "UTC"}
"""Words that are the same in every language."""


def test_no_text_lacks_a_translation_and_compiled_catalogues_are_up_to_date():
    done = subprocess.run(
        [sys.executable, ROOT / "core/catalogue.py", "--check"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parent.parent.name)
def test_translations_have_the_placeholders_and_markup_of_their_messages(path):
    with path.open("rb") as file:
        entries = [entry for entry in read_po(file) if entry.id]
    assert len(entries) > 300
    for entry in entries:
        messages = entry.id if isinstance(entry.id, tuple) else (entry.id,)
        texts = entry.string if isinstance(entry.string, tuple) else (entry.string,)
        wanted = {part for message in messages for part in PLACEHOLDER.findall(message)}  # type: ignore[arg-type]
        assert set(PLACEHOLDER.findall(texts[-1])) == wanted, entry.id  # type: ignore[arg-type]
        assert all(set(PLACEHOLDER.findall(text)) <= wanted for text in texts), entry.id  # type: ignore[arg-type]


def unmarked_texts(source: str) -> list[str]:
    """Return the words of a template that are displayed without a translation."""
    pieces, tokens, inside, depth, previous = [], [], False, 0, ""
    for _line, kind, value in Environment(extensions=["jinja2.ext.i18n"]).lex(source):
        if kind == "data":
            pieces.append("" if inside else value)
        elif kind == "name" and tokens and tokens[-1] in {"{%", "{%-"} and value in {"trans", "endtrans"}:
            inside = value == "trans"
        if kind in {"variable_begin", "block_begin"}:
            depth, previous = 0, ""
            pieces.append("\0")
        if kind == "operator" and value in "()":
            depth += (1 if value == "(" else -1) if depth or previous == "_" else 0
        if kind == "string" and not depth and re.match(r"""["'][A-Z][a-z]+( |["'])""", value) and not inside:
            pieces.append(f"<>{value}<>")
        if kind != "whitespace":
            tokens.append(value)
            previous = value
    text = re.sub(r"(?s)<script.*?</script>|<!--.*?-->|<style.*?</style>", "", "".join(pieces))
    attributes = re.findall(r'\b(?:aria-label|placeholder|title|alt)="([^"\0]*[A-Za-z]{2}[^"]*)"', text)
    # Macros may contain attributes alone.
    shown = re.findall(
        r"[A-Za-z]{2,}", re.sub(r'(?s)<[^>]*>|&\w+;|\b(?:aria|data)-[a-z]+(?:="[^"]*")?', " ", text)
    )
    return [*attributes, *(word for word in shown if word not in NAMES)]


def test_unmarked_texts_are_found():
    assert unmarked_texts('<p>{{ _("Marked") }} {% trans %}Marked{% endtrans %} {{ x }}</p>') == []
    assert unmarked_texts("<p class='x'>Not marked</p>") == ["Not", "marked"]
    assert unmarked_texts('<input placeholder="Write here" id="x">') == ["Write here"]
    assert unmarked_texts('{{ "Start failed" if failed else _("Not running") }}') == ["Start", "failed"]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_all_texts_of_templates_are_marked(path):
    assert unmarked_texts(path.read_text()) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_all_texts_of_scripts_are_marked(path):
    code = re.sub(r"(?m)^\s*//.*$|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"""(?<![_n]\()(["'`])([A-Z][a-z]+(?: [^"'`]+|…)?)\1""", code)
    assert [text for _quote, text in found if text not in KEYS and not text.startswith("Content-")] == []


KEYS = {"Escape", "Enter", "Tab", "Home", "End", "Accept", "Authorization"}
"""Names of keys and headers."""


def test_scripts_receive_their_translations():
    words = json.loads((PACKAGE / "web/static/words/de.json").read_text())
    assert words["Copy"] == "Kopieren"
