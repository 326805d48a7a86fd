"""Whatever a variable holds, it never becomes markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from jinja2 import meta
from markupsafe import Markup

from plughub.web.templates import FOLDER

EVIL = '"><script>alert(1)</script>'
NAMES = sorted(path.name for path in FOLDER.glob("*.html"))
WANTED = {
    "page.html", "login.html", "home.html", "spawn.html", "spawn_pending.html", "stop_pending.html",
    "not_running.html", "token.html", "oauth.html", "error.html", "404.html", "logout.html",
}  # fmt: skip


class Evil(str):
    """A text that is evil, and whose every attribute and item is evil too."""

    __slots__ = ()

    def __new__(cls):
        return super().__new__(cls, EVIL)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "ready" or name in {"created", "expires_at"}:
            return False if name == "ready" else datetime(2026, 1, 1, tzinfo=UTC)
        return None if name == "last_activity" else Evil()

    def __iter__(self):
        return iter([])


LISTS = {
    "services", "spawner_choices", "login_buttons", "custom_html", "spawners", "api_tokens", "oauth_clients",
    "allowed_scopes", "scope_descriptions", "logs",
}  # fmt: skip


def every_variable(environment, name):
    """Name the variables of a template and of those that it extends."""
    source, _, _ = environment.loader.get_source(environment, name)
    tree = environment.parse(source)
    found = set(meta.find_undeclared_variables(tree))
    for parent in meta.find_referenced_templates(tree):
        found |= every_variable(environment, parent)
    return found - {"static_url", "isoformat"}


def evil_values(names):
    return {name: [Evil(), Evil()] if name in LISTS else Evil() for name in names} | {
        "token_lives": [(EVIL, EVIL)],
        "jhdata": {EVIL: EVIL},
    }


def test_the_templates_that_administrators_know_are_all_there():
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
async def test_every_variable_of_every_template_is_escaped(hub, name):
    templates = hub.application.templates
    variables = evil_values(every_variable(templates._environment, name))
    page = templates.render(name, **variables)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert '"><script' not in page
    assert "</script>alert" not in page


async def test_no_template_says_safe(hub):
    for name in NAMES:
        text = (FOLDER / name).read_text()
        assert not re.search(r"\|\s*safe|autoescape|Markup", text), name
        assert not re.search(r"\son\w+=", text), name


async def test_a_template_of_the_administrator_extends_the_one_it_replaces(make_hub, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "login.html").write_text(
        '{% extends "templates/login.html" %}{% block login_container %}<p>Hello</p>{{ super() }}{% endblock %}'
    )
    hub = await make_hub(
        context={
            "template_folders": (folder,),
            "template_vars": {
                "announcement": "<b>Maintenance</b>",
                "announcement_home": lambda user: f"for {user.name}" if user else "",
            },
        }
    )
    page = (await hub.browser().get("/hub/login")).body.decode()
    assert "<p>Hello</p>" in page
    assert "username_input" in page
    assert "<b>Maintenance</b>" in page
    assert "for alice" in (await (await hub.logged_in()).get("/hub/home")).body.decode()


async def test_markup_of_plugins_stays_markup(hub):
    text = "<b>{{ evil }}</b>"
    assert hub.application.templates.render_text(text, evil=EVIL) == Markup("<b>{}</b>").format(EVIL)


async def test_names_in_the_address_bar_are_escaped_too(hub):
    evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    browser = await hub.logged_in()
    for path in (
        f"/hub/login?next=/hub/{evil}", f"/hub/login?username={evil}", f"/hub/spawn?next=/user/{evil}",
        f"/hub/user/alice/{evil}", f"/hub/{evil}", f"/hub/spawn?backend={evil}", f"/hub/login/onetime?token={evil}",
    ):  # fmt: skip
        for client in (browser, hub.browser()):
            assert b"<script>alert" not in (await client.get(path)).body
