"""Authentication of plugins' pages and API calls through the public handler classes."""

from __future__ import annotations

import json

import pytest
from tornado.web import RequestHandler

from plughub.app.config import JupyterHub
from plughub.app.extra_pages import extra_pages, warn_of_open_pages
from plughub.domain.errors import StartError
from plughub.handlers import APIHandler, InvalidError, PageHandler, needs_scope, of_user
from plughub.kinds import Page, Visitor
from plughub.utils import token_authenticated


class BoardPage(PageHandler):
    @needs_scope()
    async def get(self):
        who = self.who
        self.finish({"name": who.name, "kind": who.kind, "admin": who.admin, "groups": list(who.groups)})

    @needs_scope("admin:users")
    async def post(self):
        self.finish("changed")


class OpenPage(PageHandler):
    def get(self):
        mine = self.may("read:users", user="alice")
        self.finish({"who": self.who and self.who.name, "mine": mine, "all": self.may("read:users")})


class ApiCall(APIHandler):
    @needs_scope("read:users", about=of_user)
    async def get(self, name):
        self.answer({"asked": name, "by": self.who.name})

    @needs_scope()
    async def post(self, _name):
        if "text" not in self.json_body():
            raise InvalidError("a text is needed")
        self.answer(self.json_body())


@pytest.fixture
async def hub(make_hub):
    return await make_hub(
        pages=(
            Page(path="/board", handler=BoardPage),
            Page(path="/open", handler=OpenPage),
            Page(path="/api/call/([^/]+)", handler=ApiCall),
        )
    )


def model(answer):
    return json.loads(answer.body)


async def test_page_shows_user_and_redirects_anonymous_to_login(hub):
    anonymous = hub.browser()
    answer = await anonymous.get("/hub/board")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/login?next=%2Fhub%2Fboard")
    user = await hub.user()
    await hub.store.write(lambda tx: tx.users.set_groups(user.id, ["staff"]))
    alice = await hub.logged_in()
    assert model(await alice.get("/hub/board")) == {
        "name": "alice",
        "kind": "user",
        "admin": False,
        "groups": ["staff"],
    }


async def test_page_needs_scopes_and_xsrf_token(hub):
    alice, root = await hub.logged_in(), await hub.logged_in("root")
    assert (await alice.post("/hub/board", form={"_xsrf": alice.xsrf})).code == 403
    assert (await root.post("/hub/board")).code == 403
    assert (await root.post("/hub/board", form={"_xsrf": root.xsrf})).code == 200


async def test_open_page_can_check_scopes(hub):
    assert model(await hub.browser().get("/hub/open")) == {"who": None, "mine": False, "all": False}
    assert model(await (await hub.logged_in()).get("/hub/open")) == {
        "who": "alice",
        "mine": True,
        "all": False,
    }
    assert model(await (await hub.logged_in("root")).get("/hub/open"))["all"] is True


async def test_call_accepts_tokens_and_filtered_scopes(hub):
    alice = await hub.program()
    assert model(await alice.get("/hub/api/call/alice")) == {"asked": "alice", "by": "alice"}
    assert (await alice.get("/hub/api/call/bob")).code == 404
    assert (await hub.browser().get("/hub/api/call/alice")).code == 403
    bad = await alice.post("/hub/api/call/alice", model={})
    assert (bad.code, model(bad)["message"]) == (400, "a text is needed")


def test_visitor_contains_no_secrets():
    assert "cookie" not in repr(Visitor(name="alice"))
    assert set(Visitor.__dataclass_fields__) == {"name", "kind", "admin", "groups", "scopes"}


class TokenCall(APIHandler):
    @token_authenticated
    async def get(self):
        self.answer({"by": self.get_current_user_token().name})

    @needs_scope()
    @token_authenticated
    def post(self):
        self.answer({"by": self.who.name})


class NoticesPage(PageHandler):
    @token_authenticated
    def get(self):
        self.finish(self.who.name)


async def test_only_a_token_opens_a_method(make_hub):
    pages = Page(path="/api/guarded", handler=TokenCall), Page(path="/notices", handler=NoticesPage)
    hub = await make_hub(pages=pages)
    browser, program = await hub.logged_in("alice"), await hub.program("alice")
    wrong = hub.browser(Authorization=f"Bearer {'f' * 32}")
    for path, text in (("/hub/api/guarded", '{"by": "alice"}'), ("/hub/notices", "alice")):
        answer = await program.get(path)
        assert (answer.code, answer.body.decode()) == (200, text)
        for refused in (browser, hub.browser(), wrong):
            assert (await refused.get(path)).code == 403
    assert (await program.post("/hub/api/guarded")).code == 200
    assert (await browser.post("/hub/api/guarded", form={"_xsrf": browser.xsrf})).code == 403


class BareHandler(RequestHandler):
    def initialize(self, text="plain"):
        self.text = text

    def get(self, *path):
        self.finish(self.text + "".join(path))


async def test_pages_of_the_config_file_are_served_below_the_hub(make_hub, caplog):
    given = [
        ("/board", BoardPage),
        ["bare/(a+)", BareHandler, {"text": "own:"}],
        ("/named", "tornado.web.RedirectHandler", {"url": "/elsewhere"}),
        ("/home", BareHandler),
    ]
    pages = extra_pages(JupyterHub(extra_handlers=given).extra_handlers)
    warn_of_open_pages(pages)
    assert "/board" not in caplog.text
    assert (
        "does not authenticate the requests of /bare/(a+) (BareHandler), /named (RedirectHandler)"
        in caplog.text
    )
    hub = await make_hub(pages=pages)
    anonymous = hub.browser()
    assert (await anonymous.get("/hub/board")).headers["Location"] == "/hub/login?next=%2Fhub%2Fboard"
    assert model(await (await hub.logged_in()).get("/hub/board"))["name"] == "alice"
    assert (await anonymous.get("/hub/bare/aa")).body == b"own:aa"
    assert (await anonymous.get("/hub/bare/b")).code == 404
    assert (await anonymous.get("/hub/named")).headers["Location"] == "/elsewhere"
    assert (await anonymous.get("/hub/home")).headers["Location"].startswith("/hub/login")


class JupyterHubHandler(BareHandler):
    __module__ = "jupyterhub.handlers.base"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("/board", "must be a list of tuples"),
        (("/board",), "must be a list of tuples"),
        (("/board", BareHandler, 3), "must be a list of tuples"),
        ((3, BareHandler), "must be a list of tuples"),
        (("/board(", BareHandler), "is not a regular expression"),
        (("/board", "no.such.Handler"), "cannot be imported"),
        (("/board", dict), "is not a class of request handlers"),
        (("/board", JupyterHubHandler), "is written for JupyterHub"),
    ],
)
def test_invalid_pages_of_the_config_file_are_refused(entry, said):
    with pytest.raises(StartError, match=said):
        extra_pages([entry])
