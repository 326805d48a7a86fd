"""Escaping of template variables, and custom templates."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from jinja2 import meta
from markupsafe import Markup

from plughub.domain.errors import StartError
from plughub.kinds import LoginMethod, Page
from plughub.web import templates
from plughub.web.pages.admin.list_view import ListView
from plughub.web.pages.base import PageHandler
from plughub.web.templates import FOLDER, Templates

EVIL = '"><script>alert(1)</script>'
NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.html") if "parts" not in path.parts)
WANTED = {
    "page.html", "login.html", "home.html", "spawn.html", "spawn_pending.html", "stop_pending.html",
    "not_running.html", "token.html", "oauth.html", "error.html", "404.html", "logout.html",
}  # fmt: skip


class MaliciousText(str):
    """Malicious text whose attributes and items are malicious as well."""

    __slots__ = ()

    def __new__(cls):
        return super().__new__(cls, EVIL)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "ready" or name in {"created", "expires_at"}:
            return False if name == "ready" else datetime(2026, 1, 1, tzinfo=UTC)
        return None if name == "last_activity" else MaliciousText()

    def __iter__(self):
        return iter([MaliciousText(), MaliciousText()])  # for pairs as well

    def __call__(self, *_arguments, **_values):
        return MaliciousText()

    def __contains__(self, _part):
        return True

    def __index__(self):
        return 2  # which chooses the plural of a message


class EvilFilters(dict):
    """Malicious values of all filters."""

    def __missing__(self, name):
        return EVIL


LISTS = {
    "services", "spawner_choices", "profiles", "login_buttons", "spawners", "api_tokens", "oauth_clients",
    "allowed_scopes", "scope_descriptions", "logs",
}  # fmt: skip


@cache
def every_variable(environment, name):
    """Return the variables of a template and of those that it extends."""
    source, _, _ = environment.loader.get_source(environment, name)
    tree = environment.parse(source)
    found = set(meta.find_undeclared_variables(tree))
    for parent in meta.find_referenced_templates(tree):
        found |= every_variable(environment, parent)
    return found - {"static_url", "isoformat"}


def evil_values(names):
    return {
        name: [MaliciousText(), MaliciousText()] if name in LISTS else MaliciousText() for name in names
    } | {
        "token_lives": [(EVIL, EVIL)],
        "implicit_spawn_seconds": 0.5,
        "jhdata": {EVIL: EVIL},
        "navigation": {EVIL: [MaliciousText()]},
        "view": ListView(path=EVIL, text=EVIL, sort=EVIL, filters=EvilFilters(), defaults={}, total=200),
    }


UPSTREAM = Path(sys.prefix, "share", "jupyterhub", "templates")
PAGES = ["home", "token", "spawn", "spawn-pending/alice", "user/alice/", "logout", "error/404", "nothing"]


def folder_of(tmp_path, **templates):
    folder = tmp_path / "custom"
    for name, text in templates.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name.replace('error404', '404')}.html").write_text(text)
    return {"template_folders": (folder,)}


def test_all_jupyterhub_templates_exist():
    assert set(NAMES) >= WANTED


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.asyncio(loop_scope="module")
async def test_all_template_variables_are_escaped(shared_hub, name):
    templates = shared_hub.application.templates
    variables = evil_values(every_variable(templates._environment, name))
    page = templates.render(name, **variables)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert '"><script' not in page
    assert "</script>alert" not in page


async def test_no_template_uses_safe_filter(hub):
    for name in NAMES:
        text = (FOLDER / name).read_text()
        assert not re.search(r"\|\s*safe|autoescape|Markup", text), name
        assert not re.search(r"\son\w+=", text), name
        assert not re.search(r"\s[\w-]+=\{[{%]", text), f"{name}: attributes need quotes"
        assert not re.search(r"\sstyle=", text), f"{name}: styles belong into style sheets"
        assert not re.search(r"<script(?![^>]*(?:\ssrc=|application/json))", text), f"{name}: inline script"


async def test_custom_template_extends_replaced_template(make_hub, tmp_path):
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


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="the templates of jupyterhub are not installed")
@pytest.mark.parametrize("name", [*sorted(path.name for path in UPSTREAM.glob("*.html")), "*.html"])
async def test_jupyterhub_templates_work(make_hub, tmp_path, caplog, name):
    for path in UPSTREAM.glob(name):
        shutil.copy(path, tmp_path)
    hub = await make_hub(context={"template_folders": (tmp_path,)}, allow_named_servers=True)
    hub.tiny.form = "<input name='size'>"
    anonymous = hub.browser()
    assert b'name="username"' in (await anonymous.get("/hub/login")).body
    browser = await hub.logged_in()
    await hub.running("alice", "lab")
    await hub.tokens.create(await hub.user(), note="mine")
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    pages = [(await browser.get(f"/hub/{page}", headers=typed)).code for page in PAGES]
    assert not [record.getMessage() for record in caplog.records if "template" in record.getMessage()]
    assert pages == [200, 200, 200, 200, 424, 200, 200, 404]


BROKEN = {
    "syntax": "line one\n{% if %}",
    "filter": "\n{{ 'x' | no_such_filter }}",
    "undefined": "\n{{ nothing.at.all }}",
    "call": "\n{{ static_url('hub.css', no_such_argument=1) }}",
    "parent": '\n{% include "missing.html" %}',
    "itself": '{% extends "page.html" %}\n{% block main %}{% endblock %}',
    "division": "\n{{ 1 // 0 }}",
}


@pytest.mark.parametrize("how", BROKEN)
async def test_failing_template_falls_back_to_hubs_own(make_hub, tmp_path, caplog, how):
    names = ("page",) if how == "itself" else ("page", "login", "home", "error", "error404")
    hub = await make_hub(context=folder_of(tmp_path, **dict.fromkeys(names, BROKEN[how])))
    assert b"username_input" in (await hub.browser().get("/hub/login")).body
    browser = await hub.logged_in()
    assert b"My server" in (await browser.get("/hub/home")).body
    caplog.clear()
    answer = await browser.get("/hub/nothing")
    assert (answer.code, b"there is nothing at this address" in answer.body) == (404, True)
    lines = [record for record in caplog.records if record.name == "plughub.web.templates"]
    assert len(lines) == 1
    message = lines[0].getMessage()
    assert lines[0].exc_info is None
    assert re.search(r"/custom/\w+\.html, line (1|2): \w+(Error|NotFound): .", message), message
    assert message.endswith("; rendering the hub's own 404.html instead")


async def test_event_loop_turns_while_long_page_is_rendered(make_hub, tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "RENDER_SLICE_SECONDS", 0)
    text = "{% for _ in range(9) %}{{ turns() }},{% endfor %}"
    custom = folder_of(tmp_path, **{"long": text, "admin/users": text + BROKEN["division"]})
    hub = await make_hub(context=custom)
    turned, loop = [0], asyncio.get_running_loop()

    def turn():
        turned[0] += 1
        if turned[0] < 1000:
            loop.call_soon(turn)

    turn()
    page = await hub.application.templates.render_in_slices("long.html", turns=lambda: turned[0])
    seen = [int(number) for number in page.split(",")[:-1]]
    assert seen == sorted(set(seen)), "each row is rendered in a later turn"
    browser = await hub.logged_in("root")
    assert b'id="user-root"' in (await browser.get("/hub/admin/users")).body, (
        "the hub's own template replaces it"
    )


async def test_failing_custom_page_is_error_page(make_hub, tmp_path):
    class UserPage(PageHandler):
        def get(self):
            self.render_page("mine.html")

    pages = (Page(path="/mine", handler=UserPage),)
    hub = await make_hub(context=folder_of(tmp_path, mine=BROKEN["division"]), pages=pages)
    answer = await hub.browser().get("/hub/mine")
    assert (answer.code, b"something went wrong in the hub" in answer.body) == (500, True)


async def test_error_page_works_without_template(hub, monkeypatch):
    monkeypatch.setattr(hub.application.templates, "render_error", lambda *_a, **_b: 1 / 0)
    answer = await hub.browser().get("/hub/no<thing")
    assert (answer.code, b"there is nothing at this address" in answer.body) == (404, True)
    assert b'href="/hub/home"' in answer.body


async def test_failing_template_variable_is_left_out(make_hub, caplog):
    variables = {"announcement": lambda user: user.name, "announcement_home": lambda user: 1 / 0}
    hub = await make_hub(context={"template_vars": variables})
    assert (await hub.browser().get("/hub/login")).code == 200
    assert "template_vars['announcement'] fails for an anonymous user: AttributeError" in caplog.text
    browser = await hub.logged_in()
    assert b"announcement" in (await browser.get("/hub/home")).body
    assert "template_vars['announcement_home'] fails for user alice: ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("call", "url"),
    [
        ('static_url("hub.css")', "/hub/static/hub.css?v="),
        ('static_url("js", include_version=False)', "/hub/static/js"),
        ('static_url("js", include_host=False, include_version=False)', "/hub/static/js"),
        ('static_url("js", include_host=True, include_version=False)', "https://hub.example/hub/static/js"),
        ('static_url("css/not_there.css")', "/hub/static/css/not_there.css"),
        ("logo_url or base_url", "/hub/"),
        ("user.url", "/user/alice/"),
        ('user.server_url("lab")', "/user/alice/lab/"),
        ("user.json_escaped_name | safe", "alice"),
        ("user.escaped_name", "alice"),
        ("user.groups | join(',')", "class"),
        ("user.groups[0].name", "class"),
        ("'class' in user.groups", "True"),
        ("user.admin", "False"),
        ("user.spawner.options_form", ""),
        ("user.all_spawners(include_default=False) | length", "0"),
        ("'admin-ui' in parsed_scopes", "False"),
        ("announcement | safe", "<b>all</b>"),
        ("version_hash", ""),
    ],
)
async def test_jupyterhub_template_variables_exist(make_hub, tmp_path, call, url):
    context = folder_of(tmp_path, error404=f"[[{{{{ {call} }}}}]]")
    context["template_vars"] = {"announcement": "<b>all</b>"}
    hub = await make_hub(context=context, public_url="https://hub.example/")
    user = await hub.user()

    def join(tx):
        tx.groups.create(["class"])
        tx.groups.add_users("class", [user.name])

    await hub.store.write(join)
    page = (await (await hub.logged_in()).get("/hub/nothing")).body.decode()
    assert page.startswith(f"[[{url}"), page[:500]


async def test_custom_home_page_gets_servers(make_hub, tmp_path):
    text = "{% for s in user.all_spawners() %}{{ s.name }}:{{ s.ready }} {% endfor %}{{ user.active }} {{ user.running }}"
    hub = await make_hub(context=folder_of(tmp_path, home=text), allow_named_servers=True)
    browser = await hub.logged_in()
    await hub.running("alice", "lab")
    assert (await browser.get("/hub/home")).body == b":False lab:True True False"


async def test_failing_plugin_form_does_not_block_login(make_hub, caplog):
    ways = {"known": LoginMethod(form=True), "custom": LoginMethod(form=True, html="{{ 1 // 0 }}")}
    hub = await make_hub(context={"login_methods": ways})
    page = (await hub.browser().get("/hub/login")).body
    assert b"username_input" in page
    assert "the login form of plugin custom failed: " in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_jupyterhub_authenticator_forms_keep_next(make_hub):
    html = '<form action="{{ base_url }}oauth?next={{ next }}"><b>{{ authenticator_login_url }}</b>'
    hub = await make_hub(context={"login_methods": {"known": LoginMethod(form=True, html=html)}})
    page = (await hub.browser().get("/hub/login?next=/hub/token%3Fa%3D1%26b%3D2")).body.decode()
    assert 'action="/hub/oauth?next=%2Fhub%2Ftoken%3Fa%3D1%26b%3D2"' in page
    assert "<b>/hub/login?next=%2Fhub%2Ftoken%3Fa%3D1%26b%3D2</b>" in page


async def test_plugin_markup_is_not_escaped(hub):
    text = "<b>{{ evil }}</b>"
    assert hub.application.templates.render_text(text, evil=EVIL) == Markup("<b>{}</b>").format(EVIL)


async def test_names_in_paths_are_escaped(hub):
    evil = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    browser = await hub.logged_in()
    for path in (
        f"/hub/login?next=/hub/{evil}", f"/hub/login?username={evil}", f"/hub/spawn?next=/user/{evil}",
        f"/hub/user/alice/{evil}", f"/hub/{evil}", f"/hub/spawn?backend={evil}", f"/hub/login/onetime?token={evil}",
    ):  # fmt: skip
        for client in (browser, hub.browser()):
            assert b"<script>alert" not in (await client.get(path)).body


async def test_options_of_jinja_apply_to_custom_templates(make_hub, tmp_path):
    context = folder_of(tmp_path, error404="{% set seen = [] %}{% do seen.append('extended') %}{{ seen[0] }}")
    plain = await make_hub(context=context)
    assert b"extended" not in (await plain.browser().get("/hub/nothing/here")).body
    options = {"jinja_options": {"extensions": ["jinja2.ext.do"]}}
    hub = await make_hub(context={**context, **options})
    assert (await hub.browser().get("/hub/nothing/here")).body == b"extended"
    escaped = folder_of(tmp_path, error404="{{ '<script>' }}")
    hub = await make_hub(context={**escaped, **options})
    assert b"<script>" not in (await hub.browser().get("/hub/nothing/here")).body


@pytest.mark.parametrize(
    "options", [{"autoescape": False}, {"loader": None}, {"enable_async": True}, {"no_such": 1}]
)
async def test_options_of_jinja_that_cannot_be_are_refused(hub, options):
    context = replace(hub.context, jinja_options=options)
    with pytest.raises(StartError, match=f"c.JupyterHub.jinja_environment_options.*{next(iter(options))}"):
        Templates(context, hub.application.settings)


async def test_files_of_the_data_folder_are_found_after_those_of_the_hub(make_hub, tmp_path):
    data = tmp_path / "data"
    (data / "static" / "images").mkdir(parents=True)
    (plugins := tmp_path / "static_of_a_plugin").mkdir()
    (plugins / "card.svg").write_text("<svg>card</svg>")
    (plugins / "hub.css").write_text("replaced")
    (data / "templates").mkdir()
    (data / "static" / "images" / "ours.svg").write_text("<svg/>")
    (data / "static" / "hub.css").write_text("replaced")
    (data / "templates" / "page.html").write_text("replaced")
    (data / "templates" / "ours.html").write_text("of the deployment")
    (data / "secret.txt").write_text("secret")
    context = folder_of(tmp_path, error404="{% include 'ours.html' %} {{ static_url('images/ours.svg') }}")
    folders = (data / "static", plugins)
    hub = await make_hub(context={**context, "data_folder": data, "static_folders": folders})
    text, url = (await hub.browser().get("/hub/nothing/here")).body.decode().rsplit(maxsplit=1)
    assert text == "of the deployment"
    assert url.startswith("/hub/static/images/ours.svg?v=")
    answer = await hub.browser().get(url)
    assert (answer.code, answer.body) == (200, b"<svg/>")
    assert (await hub.browser().get("/hub/static/card.svg")).body == b"<svg>card</svg>"
    assert b"replaced" not in (await hub.browser().get("/hub/login")).body
    assert b"replaced" not in (await hub.browser().get("/hub/static/hub.css")).body
    for path in ("../secret.txt", "%2e%2e/secret.txt", "images/../../secret.txt", "images", "none.svg"):
        assert (await hub.browser().get(f"/hub/static/{path}")).code in {403, 404}
