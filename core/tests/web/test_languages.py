"""Translation of texts, and the language that a browser asks for."""

from __future__ import annotations

import copy
import pickle
from gettext import NullTranslations

import pytest

from plughub.domain.errors import NotFoundError
from plughub.domain.words import _, ngettext
from plughub.web import languages
from plughub.web.errors import error_answer
from plughub.web.languages import choose_language, current_language, in_groups, known, translated

GERMAN = {
    "Delete %(name)s?": "%(name)s löschen?",
    "the server": "der Server",
    "%(num)d server": "%(num)d Server (Einzahl)",
    "%(num)d servers": "%(num)d Server",
    "there is no such page": "diese Seite gibt es nicht",
}


class German(NullTranslations):
    def gettext(self, message):
        return GERMAN.get(message, message)

    def ngettext(self, one, many, number):
        return self.gettext(one if number == 1 else many)


@pytest.fixture(autouse=True)
def german(monkeypatch):
    known_languages = {"en": NullTranslations(), "de": German()}
    monkeypatch.setattr(languages, "catalogues", lambda: known_languages)
    mark = current_language.set("de")
    yield
    current_language.reset(mark)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,de;q=0.4,en;q=0.6", "en"), ("DE", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"), ("fr", "en"), ("de;q=0", "en"), ("*", "en"), ("de;q=x,,;", "en"),
        ("de;q=9", "en"), ("a" * 100_000, "en"),
    ],
)  # fmt: skip
def test_browser_chooses_language(accepted, language):
    assert choose_language(accepted) == language


def test_texts_are_english_until_they_are_displayed():
    text = _("Delete %(name)s?", name=_("the server"))
    assert text == f"{text}" == "Delete the server?"
    for same in (text, copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert translated(same) == "der Server löschen?"
    assert _("100 % and %(name)s") == "100 % and %(name)s"


def test_numbers_choose_the_plural():
    texts = [ngettext("%(num)d server", "%(num)d servers", number) for number in (0, 1, 2)]
    assert texts == ["0 servers", "1 server", "2 servers"]
    assert [translated(text) for text in texts] == ["0 Server", "1 Server (Einzahl)", "2 Server"]


@pytest.mark.parametrize(("language", "decimal"), [("en", "."), ("de", ",")])
def test_numbers_have_the_separators_of_the_language(language, decimal):
    token = current_language.set(language)
    assert (in_groups(12345), in_groups(1234.56)) == ("12\u202f345", f"1\u202f234{decimal}6")
    current_language.reset(token)


def test_values_are_not_translated():
    assert translated(_("Delete %(name)s?", name="the server")) == "the server löschen?"
    assert translated("the server") == "the server"
    assert known("the server") == "der Server"


def test_errors_are_shown_in_the_language_and_logged_in_english():
    error = NotFoundError(_("there is no such page"), hint=_("Delete %(name)s?", name="x"))
    assert str(error) == "there is no such page"
    answer = error_answer(error, 404)
    assert (answer.message, answer.hint) == ("diese Seite gibt es nicht", "x löschen?")


async def test_templates_translate_texts_and_escape_values(hub):
    show = hub.application.templates.render_text
    assert show("{{ words }}", words=_("Delete %(name)s?", name="<b>")) == "&lt;b&gt; löschen?"
    assert show('{{ _("Delete %(name)s?", name=name) }}', name="<b>") == "&lt;b&gt; löschen?"
    assert show("{% trans %}the\n  server{% endtrans %}") == "der Server"
    counted = "{% trans num=3 %}{{ num }} server{% pluralize %}{{ num }} servers{% endtrans %}"
    assert show(counted) == "3 servers"  # the catalogue has the message with %(num)d
    page = hub.application.templates.render("error.html", language="de", message=_("the server"))
    assert '<html lang="de">' in page
    assert "der Server" in page


async def test_requests_have_their_own_language(hub):
    browser = hub.browser()
    codes = [
        (await browser.get("/hub/error/404", headers={"Accept-Language": of})).body for of in ("de", "en")
    ]
    assert [b'<html lang="de">' in body for body in codes] == [True, False]
