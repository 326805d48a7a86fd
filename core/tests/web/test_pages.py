from __future__ import annotations

import asyncio
import json
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from tornado.web import RequestHandler

from plughub.domain.declarations import Declarations, read_roles
from plughub.domain.service_specs import read_services
from plughub.kinds import Page
from plughub.services.users.configuration_sync import sync_configuration
from plughub.testing.doubles import TinyServers
from plughub.web.pages.base import PageHandler

JSON = {"Accept": "application/json"}


class PageFacts(HTMLParser):
    """Ids, links and words of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.ids, self.links, self.tags, self.handlers = set(), [], [], []
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            if name in {"href", "action", "src"}:
                self.links.append(value)
            if name.startswith("on"):
                self.handlers.append(name)


def location(answer):
    assert answer.code in {302, 303}, answer.body
    return answer.headers["Location"]


async def test_root_leads_to_login_start_and_server(hub):
    assert location(await hub.browser().get("/hub/")) == "/hub/login?next=%2Fhub%2F"
    browser = await hub.logged_in()
    assert location(await browser.get("/hub/")) == "/hub/spawn"
    await hub.running()
    assert location(await browser.get("/hub/")) == "/user/alice/"


async def test_root_leads_home_if_configured(make_hub):
    hub = await make_hub(options={"redirect_to_server": False})
    browser = hub.browser()
    assert location(await browser.log_in("alice", "wonder")) == "/hub/home"
    await hub.running()
    assert location(await browser.get("/hub/")) == "/hub/home"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/", "/hub/"),
        ("/hub", "/hub/"),
        ("/hub?x=1&y", "/hub/?x=1&y"),
        ("/user/alice/lab?x=1", "/hub/user/alice/lab?x=1"),
        ("/tree//evil.test", "/hub/tree//evil.test"),
        ("//evil.test/x", "/hub/evil.test/x"),
    ],
)
async def test_missing_prefix_is_added(hub, path, target):
    answer = await hub.browser().get(hub.address + path)
    assert location(answer) == target


async def test_base_url_prefixes_everything(make_hub):
    hub = await make_hub(base_url="/jup/")
    browser = await hub.logged_in()
    facts = PageFacts((await browser.get("/jup/hub/home")).body)
    assert all(link.startswith(("/jup/", "#")) for link in facts.links), facts.links
    assert {path for _, path in browser.cookies} == {"/jup/hub/", "/jup/"}
    assert location(await hub.browser().get("/jup/")) == "/jup/hub/"
    assert location(await browser.get("/jup?x=%20")) == "/jup/?x=%20"
    assert location(await browser.get("/jup/hub?x=%20")) == "/jup/hub/?x=%20"
    assert (await hub.browser().get("/elsewhere")).code == 404


async def test_home_offers_start_open_and_stop(hub):
    browser = await hub.logged_in()
    facts = PageFacts((await browser.get("/hub/home")).body)
    assert {"start", "logout", "login_widget", "jupyterhub-logo"} <= facts.ids
    assert "/hub/spawn/alice" in facts.links
    await hub.running()
    facts = PageFacts((await browser.get("/hub/home")).body)
    assert "stop" in facts.ids
    assert "/user/alice/" in facts.links


async def test_home_notices_dead_server(hub):
    browser = await hub.logged_in()
    await hub.running()
    hub.tiny.end_all()
    page = (await browser.get("/hub/home")).body
    assert b"the server had ended" in page
    assert "start" in PageFacts(page).ids


async def test_home_shows_named_servers_if_allowed(make_hub):
    hub = await make_hub(allow_named_servers=True, named_server_limit_per_user=1)
    browser = await hub.logged_in()
    assert "new-server" in PageFacts((await browser.get("/hub/home")).body).ids
    await hub.running("alice", "lab")
    facts = PageFacts((await browser.get("/hub/home")).body)
    assert "stop-lab" in facts.ids
    assert "new-server" not in facts.ids


async def test_start_page_without_form_starts_at_once(hub):
    browser = await hub.logged_in()
    assert location(await browser.get("/hub/spawn")) == "/user/alice/"
    assert hub.tiny.started


async def test_slow_start_shows_progress(make_hub):
    hub = await make_hub(options={"slow_spawn_timeout": 0.05})
    hub.tiny.hold = asyncio.Event()
    browser = await hub.logged_in()
    pending = location(await browser.get("/hub/spawn?next=%2Fuser%2Falice%2Flab"))
    assert pending == "/hub/spawn-pending/alice?next=%2Fuser%2Falice%2Flab"
    page = (await browser.get(pending)).body
    wanted = {
        "progress-bar", "sr-progress", "progress-message", "progress-log", "progress-details", "stop-server-btn",
    }  # fmt: skip
    assert wanted <= PageFacts(page).ids
    assert b"/hub/api/users/alice/server/progress?_xsrf=" in page
    assert location(await browser.get("/hub/spawn")) == "/hub/spawn-pending/alice"
    hub.tiny.hold.set()

    async def ready():
        return (await browser.get(pending)).code == 302

    await hub.until(ready)
    assert location(await browser.get(pending)) == "/user/alice/lab"


async def test_failed_start_shows_reason_and_retry(hub):
    hub.tiny.failure, hub.tiny.logs = "no <room>", ("line <one>", "line two")
    browser = await hub.logged_in()
    pending = location(await browser.get("/hub/spawn"))
    answer = await browser.get(pending)
    assert answer.code == 500
    page = answer.body.decode()
    assert "no &lt;room&gt;" in page
    assert "line &lt;one&gt;" in page
    assert "/hub/spawn/alice" in PageFacts(answer.body).links
    hub.tiny.failure = ""
    assert location(await browser.get("/hub/spawn/alice")) == "/user/alice/"


async def test_failing_cleanup_of_failed_start_is_shown_and_retried(hub):
    hub.tiny.failure, hub.tiny.stuck = "no room", "the <engine> is down"
    browser = await hub.logged_in()
    pending = location(await browser.get("/hub/spawn"))
    answer = await browser.get(pending)
    page = answer.body.decode()
    assert answer.code == 500
    assert "no room" in page
    assert re.search("the failed server could not be stopped; the hub (is trying|tries) again", page)
    home = (await browser.get("/hub/home")).body.decode()
    assert "Retry stopping" in home
    refused = await browser.get("/hub/spawn/alice")
    assert refused.code == 400
    assert "the failed server could not be stopped" in refused.body.decode()
    model = await browser.call("GET", "/hub/api/users/alice/server")
    assert json.loads(model.body)["problem"] == "the failed server could not be stopped"
    for seen in (page, home, refused.body.decode(), model.body.decode()):
        assert "engine" not in seen
    admin = await hub.logged_in("root")
    model = await admin.call("GET", "/hub/api/users/alice/server")
    assert "the <engine> is down" in json.loads(model.body)["problem"]
    assert "the &lt;engine&gt; is down" in (await admin.get(pending)).body.decode()
    hub.tiny.stuck = ""
    assert (await browser.call("DELETE", "/hub/api/users/alice/server")).code == 204
    hub.tiny.failure = ""
    assert location(await browser.get("/hub/spawn/alice")) == "/user/alice/"


async def test_form_fields_become_options(hub):
    hub.tiny.form = '<input name="size" value="1">'
    browser = await hub.logged_in()
    page = await browser.get("/hub/spawn?next=/user/alice/tree")
    assert '<input name="size" value="1">' in page.body.decode()
    action = next(link for link in PageFacts(page.body).links if "/hub/spawn?" in link)
    assert parse_qs(urlsplit(action).query)["next"] == ["/user/alice/tree"]
    answer = await browser.post(action, form={"size": "7", "many": ["a", "b"]})
    assert location(answer) == "/user/alice/tree"
    assert hub.tiny.started[0].options == {"size": ["7"], "many": ["a", "b"]}


async def test_invalid_options_show_form_with_reason(hub):
    hub.tiny.form = '<input name="size">'
    browser = await hub.logged_in()
    answer = await browser.post("/hub/spawn", form={"size": "<big>", "_xsrf": browser.xsrf})
    assert answer.code == 400
    page = answer.body.decode()
    assert "size must be a number, not &lt;big&gt;" in page
    assert "spawn_form" in PageFacts(answer.body).ids
    assert not hub.tiny.started


async def test_uploaded_files_reach_spawner(hub):
    hub.tiny.form = '<input type="file" name="key">'
    browser = await hub.logged_in()
    body = (
        b'--x\r\nContent-Disposition: form-data; name="key"; filename="k"\r\n\r\nabc\r\n'
        b'--x\r\nContent-Disposition: form-data; name="_xsrf"\r\n\r\n'
        + browser.xsrf.encode()
        + b"\r\n--x--\r\n"
    )
    seen = {}

    async def options_from_form(plugin, server, form, *, linked):
        assert not linked
        seen.update(form)
        return {}

    hub.services.hooks.options_from_form = options_from_form
    await browser.post("/hub/spawn", body=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert seen["key_file"][0]["body"] == b"abc"
    assert "_xsrf" not in seen


async def test_user_chooses_among_several_spawners(make_hub):
    second = TinyServers(label="Large servers", form='<input name="gpu">')
    hub = await make_hub(spawners={"large": second})
    browser = await hub.logged_in()
    page = (await browser.get("/hub/spawn?next=/user/alice/x")).body
    assert b"Large servers" in page
    choice = next(link for link in PageFacts(page).links if "backend=large" in link)
    form = (await browser.get(choice)).body
    assert b'<input name="gpu">' in form
    action = next(link for link in PageFacts(form).links if "backend=large" in link and "_xsrf" in link)
    assert location(await browser.post(action, form={"gpu": "1"})) == "/user/alice/x"
    assert second.started
    assert not hub.tiny.started


async def test_unknown_spawner_is_refused(hub):
    answer = await (await hub.logged_in()).get("/hub/spawn?backend=nothing")
    assert answer.code == 400
    assert "available: tiny" in answer.body.decode()


async def test_admin_starts_another_users_server(hub):
    await hub.user("alice")
    browser = await hub.logged_in("root")
    assert location(await browser.get("/hub/spawn/alice")) == "/user/alice/"
    assert (await (await hub.logged_in("bob")).get("/hub/spawn/alice")).code == 404


async def test_token_page_lists_revocable_tokens(hub):
    browser = await hub.logged_in()
    made = await hub.tokens.create(await hub.user(), note="<mine>", scopes=["read:users!user"])
    page = await browser.get("/hub/token")
    facts = PageFacts(page.body)
    assert {"request-token-form", "token-result", f"a{made.record.id}"} <= facts.ids
    assert "&lt;mine&gt;" in page.body.decode()


@pytest.mark.parametrize("code", [404, 500, 502, 503, 504, 599])
async def test_proxy_error_pages_return_200_and_show_code(hub, code):
    answer = await hub.browser().get(f"/hub/error/{code}?url=%2Fuser%2Falice")
    assert answer.code == 200
    assert str(code) in answer.body.decode()
    looks_again = b'http-equiv="refresh"' in answer.body
    assert looks_again == ("Retry-After" in answer.headers) == (code in {502, 503, 504})


@pytest.mark.parametrize(
    ("url", "accept", "is_json"),
    [
        ("/user/alice/lab?a=/api/", "text/html,application/json;q=0.9", False),
        ("/user/alice/lab", "*/*", False),
        ("/user/alice/lab", "application/json", True),
        ("/user/alice/api/contents?a=b", "*/*", True),
    ],
)
async def test_programs_get_json_instead_of_proxy_error_pages(hub, url, accept, is_json):
    path = f"/hub/error/503?url={quote(url, safe='')}"
    answer = await hub.browser().get(path, headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("application/json" if is_json else "text/html")
    assert (answer.headers["Retry-After"], b"does not answer right now" in answer.body) == ("5", True)
    if is_json:
        assert json.loads(answer.body)["status"] == 503


async def test_unknown_page_links_home(hub):
    answer = await hub.browser().get("/hub/nothing/here")
    assert answer.code == 404
    facts = PageFacts(answer.body)
    assert "/hub/home" in facts.links


async def test_static_files_are_hashed_and_cached(hub):
    facts = PageFacts((await hub.browser().get("/hub/login")).body)
    files = [link for link in facts.links if "/static/" in link]
    assert files
    for link in files:
        assert "?v=" in link
        answer = await hub.browser().get(link)
        assert answer.code == 200
        assert "max-age=3" in answer.headers["Cache-Control"]


async def test_files_outside_static_folder_are_not_served(hub):
    for path in ("/hub/static/../base.py", "/hub/static/%2e%2e/base.py", "/hub/static//etc/passwd"):
        assert (await hub.browser().get(path)).code in {403, 404}


async def test_logo_can_be_replaced(make_hub, tmp_path):
    hub = await make_hub()
    assert (await hub.browser().get("/hub/logo")).headers["Content-Type"] == "image/svg+xml"
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"png")
    other = await make_hub(options={"logo_file": str(logo)})
    answer = await other.browser().get("/hub/logo")
    assert (answer.headers["Content-Type"], answer.body) == ("image/png", b"png")


async def test_pages_carry_the_name_of_the_hub_and_a_link_to_help(make_hub):
    hub = await make_hub(options={"title": "Physics <hub>", "help_url": "mailto:help@example.org"})
    browser = await hub.logged_in()
    for path, title in (("home", "Home"), ("token", "Tokens"), ("error/404", "404 Not Found")):
        page = (await browser.get(f"/hub/{path}")).body.decode()
        assert f"<title>{title} · Physics &lt;hub&gt;</title>" in page
        assert 'href="mailto:help@example.org"' in page
        assert page.count('aria-current="page"') == (0 if path.startswith("error") else 1)
    assert b"font-family" not in (await browser.get("/hub/logo")).body
    plain = await make_hub()
    page = (await plain.browser().get("/hub/login")).body.decode()
    assert "<title>Log in · Hub</title>" in page
    assert "plughub " not in page  # only users see the version


@pytest.mark.parametrize("base", ["/", "/jup/"])
async def test_favicon_is_served(make_hub, base):
    hub = await make_hub(base_url=base)
    for path in ("favicon.ico", "hub/favicon.ico", "hub/static/favicon.ico"):
        answer = await hub.browser().get(f"{base}{path}", headers={"Sec-Fetch-Mode": "no-cors"})
        assert (answer.code, answer.body[:4]) == (200, b"\0\0\1\0"), path
        assert answer.headers["Content-Type"] in {"image/x-icon", "image/vnd.microsoft.icon"}


async def test_csp_reports_are_accepted(hub):
    answer = await hub.browser().post("/hub/security/csp-report", body=b"{}")
    assert answer.code == 204


async def test_exception_shows_no_traceback(hub):
    async def broken(*_):
        raise RuntimeError("the inside of the hub")

    hub.servers.of_user = broken
    answer = await (await hub.logged_in_bare()).get("/hub/home")
    assert answer.code == 500
    page = answer.body.decode()
    assert "the inside" not in page
    assert "Traceback" not in page
    assert "something went wrong in the hub" in page


async def test_plugin_pages_are_authenticated_and_protected(make_hub):
    class UserPage(PageHandler):
        def get(self):
            self.finish({"user": self.current_user.name})

        def post(self):
            self.finish("changed")

    class BareHandler(RequestHandler):
        def post(self):
            self.finish("changed")

    hub = await make_hub(
        pages=(Page(path="/mine", handler=UserPage), Page(path="/api/bare", handler=BareHandler))
    )
    browser = await hub.logged_in()
    assert json.loads((await browser.get("/hub/mine")).body) == {"user": "alice"}
    assert (await browser.post("/hub/mine")).code == 403
    assert (await browser.post("/hub/api/bare")).code == 403
    assert (await browser.post("/hub/mine", form={"_xsrf": browser.xsrf})).code == 200


async def test_no_page_has_inline_event_handlers(hub):
    browser = await hub.logged_in()
    for path in ("home", "token", "logout", "error/404", "nothing"):
        assert not PageFacts((await browser.get(f"/hub/{path}")).body).handlers


async def test_page_view_counts_as_activity(hub):
    await hub.logged_in()
    await hub.activity.flush()
    assert (await hub.user()).last_activity is not None


async def test_services_are_listed_for_users_with_access(hub):
    services = read_services([{"name": "board", "url": "http://h:1"}, {"name": "wiki", "url": "http://h:2"}])
    roles = read_roles([{"name": "user", "scopes": ["self", "access:services!service=wiki"]}], hub.tree)
    await hub.store.write(lambda tx: sync_configuration(tx, Declarations(roles=roles, services=services)))
    await hub.services.service_checks.run_once()
    page = (await (await hub.logged_in()).get("/hub/home")).body.decode()
    assert '<a href="/services/wiki/">wiki</a>' in page
    assert "board" not in page
    assert "wiki" not in (await hub.browser().get("/hub/login")).body.decode()
