"""What pages for JupyterHub find in their handlers, and how they run beside the hub."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import pytest
import requests

import plughub.web
from plughub.testing.hub import HubProcess

from .conftest import Visitor

pytestmark = pytest.mark.timeout(120)
OWN_STATIC = Path(plughub.web.__file__).parent / "static"
CONFIG = """
import os, time
from jinja2 import ChoiceLoader, DictLoader, FileSystemLoader
from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado import web

def wait_for_test():
    ends = time.monotonic() + 20
    while not os.path.exists("continue") and time.monotonic() < ends:
        time.sleep(0.01)

class Facts(BaseHandler):
    @web.authenticated
    async def get(self):
        user = await self.get_current_user()
        with_timer = self.statsd.timer("facts").start()
        self.statsd.incr("facts")
        with_timer.stop(send=False)
        self.finish({
            "user": [user.name, user.admin, [group.name for group in user.groups], user.base_url],
            "ids": [user.id, self.find_user(user.name).id, self.users[user.name].id],
            "others": [self.find_user("nobody"), self.users.get("nobody"), "nobody" in self.users],
            "auth_state": await user.get_auth_state(),
            "scopes": [self.has_scope("admin:users"), self.has_scope("servers!user=" + user.name),
                       "servers" in self.parsed_scopes, self.has_scope("servers!user=nobody")],
            "hub": [self.hub.base_url, self.hub.server.base_url, self.base_url, self.hub.cookie_name,
                    self.hub.api_url.endswith("/hub/api")],
            "session": self.get_session_cookie() == self.set_session_cookie() != "",
            "settings": [self.settings["login_url"], self.settings["base_url"]],
            "config": self.config.WordAuthenticator.allow_all if self.authenticator else None,
            "servers": [list(user.spawners), user.running, user.active, user.spawner.url, user.spawner.server],
            "cookie": self.get_current_user_cookie().name,
        })

class Old(BaseHandler):
    def get(self):
        env = self.settings["jinja2_env"]
        text = '{% extends "page.html" %}{% block main %}<p>{{ text }}</p>{% endblock %}'
        env.loader = ChoiceLoader([env.loader, DictLoader({"old.html": text})])
        for _ in range(2000):  # like a package that adds its folder at each request
            env.loader = ChoiceLoader([env.loader, FileSystemLoader([os.getcwd()])])
        assert len(env.loader.loaders) < 10
        self.finish(self.render_template("old.html", sync=True, text="1 < 2"))

class Slow(BaseHandler):
    def get(self):
        wait_for_test()
        self.finish("done")

class Parts(BaseHandler):
    async def get(self):
        self.write("first ")
        await self.flush()
        wait_for_test()
        self.write("second")

class Reader(BaseHandler):
    @needs_scope("read:users")
    def get(self, user_name):
        self.finish(f"page of {user_name}")

class Enter(BaseHandler):
    async def get(self):
        model = await self.authenticate({"username": self.get_argument("name"), "password": "word"})
        if model is None:
            raise web.HTTPError(403, "who are you?")
        user = await self.auth_to_user(model)
        self.set_login_cookie(user)
        self.redirect(self.get_next_url(user))

class Claim(BaseHandler):
    def get(self):
        self.set_login_cookie(self.user_from_username(self.get_argument("name")))
        self.finish("logged in")

class Leave(BaseHandler):
    def post(self):
        self.clear_login_cookie()
        self.finish("good bye")

class Broken(BaseHandler):
    def get(self):
        self.set_login_cookie(self.user_from_username("ada"))
        raise web.HTTPError(418, "broken")

class WordAuthenticator(Authenticator):
    async def authenticate(self, handler, data):
        if data["username"] != "nobody" and data["password"] == "word":
            return {"name": data["username"], "groups": ["staff"], "auth_state": {"word": "secret"}}

    def get_handlers(self, app):
        return [("/enter", Enter), ("/facts", Facts), ("claim", Claim), ("/broken", Broken)]

c.JupyterHub.extra_handlers = [
    ("/old", Old), ("/slow", Slow), ("/parts", Parts), ("/reader/([^/]+)", Reader), ("/leave", Leave),
    ("/claim-extra", Claim),
]
c.JupyterHub.authenticator_class = WordAuthenticator
c.JupyterHub.load_roles = [{"name": "tutors", "scopes": ["read:users!group=staff"], "users": ["tom"]}]
c.JupyterHub.redirect_to_server = False
c.JupyterHub.template_vars = {"announcement": "closed on Monday"}
c.WordAuthenticator.allow_all = True
c.WordAuthenticator.manage_groups = True
c.WordAuthenticator.enable_auth_state = True
c.WordAuthenticator.blocked_users = {"mallory"}
c.CryptKeeper.keys = ["ab" * 32]
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    with HubProcess(folder, "--plugins", "jupyterhub,simple,haproxy", config=CONFIG) as hub:
        yield hub


@pytest.fixture
def ada(hub):
    ada = Visitor("ada")
    ada.submit(f"{hub.url}hub/login", username="ada", password="word")
    return ada


def test_a_page_has_the_names_of_jupyterhubs_handlers(hub, ada):
    facts = ada.get(f"{hub.url}hub/facts").json()
    assert len(set(facts.pop("ids"))) == 1
    assert facts == {
        "user": ["ada", False, ["staff"], "/user/ada/"],
        "others": [None, None, False],
        "auth_state": {"word": "secret"},
        "scopes": [False, True, True, False],
        "hub": ["/hub/", "/hub/", "/", "jupyterhub-hub-login", True],
        "session": True,
        "settings": ["/hub/login", "/"],
        "config": True,
        "servers": [[""], False, False, "/user/ada/", None],
        "cookie": "ada",
    }
    anonymous = Visitor("nobody")
    anonymous.get(f"{hub.url}hub/facts")
    assert anonymous.url == f"{hub.url}hub/login?next=%2Fhub%2Ffacts"


def test_a_page_may_answer_with_a_template_without_awaiting_it(hub):
    page = Visitor("any").get(f"{hub.url}hub/old").text
    assert "<p>1 &lt; 2</p>" in page
    assert "closed on Monday" in page
    assert "<p>1 &lt; 2</p>" not in Visitor("any").get(f"{hub.url}hub/login").text


def test_a_page_that_blocks_delays_no_other_page_of_the_hub(hub, ada):
    release = hub.folder / "continue"
    with requests.get(f"{hub.url}hub/parts", stream=True) as parts:
        pieces = parts.iter_content(6)
        assert next(pieces) == b"first "
        assert requests.get(f"{hub.url}hub/health", timeout=10).ok
        assert ada.get(f"{hub.url}hub/token").ok
        release.touch()
        assert next(pieces) == b"second"
    assert requests.get(f"{hub.url}hub/slow").text == "done"


def test_a_scope_of_a_page_applies_to_the_user_in_its_path(hub, ada):
    assert ada.get(f"{hub.url}hub/reader/ada").text == "page of ada"
    assert ada.get(f"{hub.url}hub/reader/bob").status_code == HTTPStatus.NOT_FOUND
    tom = Visitor("tom")
    tom.submit(f"{hub.url}hub/login", username="tom", password="word")
    assert tom.get(f"{hub.url}hub/reader/ada").text == "page of ada"
    assert tom.get(f"{hub.url}hub/reader/bob").status_code == HTTPStatus.NOT_FOUND


def test_a_page_may_authenticate_and_set_the_cookie_in_two_steps(hub):
    carol = Visitor("carol")
    carol.get(f"{hub.url}hub/enter?name=carol&next=/hub/token")
    assert (carol.url, carol.is_logged_in) == (f"{hub.url}hub/token", True)
    nobody = Visitor("nobody")
    assert nobody.get(f"{hub.url}hub/enter?name=nobody").status_code == HTTPStatus.FORBIDDEN
    assert not nobody.is_logged_in


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("claim?name=mallory", HTTPStatus.FORBIDDEN),
        ("claim?name=ada%0Ax", HTTPStatus.FORBIDDEN),
        ("claim-extra?name=ada", HTTPStatus.FORBIDDEN),
        ("broken", HTTPStatus.IM_A_TEAPOT),
    ],
    ids=["blocked", "invalid", "no-authenticator", "failed"],
)
def test_a_page_whose_login_is_refused_or_that_fails_logs_nobody_in(hub, path, status):
    visitor = Visitor("any")
    answer = visitor.get(f"{hub.url}hub/{path}")
    assert answer.status_code == status
    assert "logged in" not in answer.text
    assert not visitor.is_logged_in


def test_a_page_may_log_out(hub, ada):
    assert ada.post(f"{hub.url}hub/leave").status_code == HTTPStatus.FORBIDDEN
    token = next(cookie.value for cookie in ada.session.cookies if cookie.name == "_xsrf")
    referer = {"Referer": f"{hub.url}hub/home"}
    left = ada.session.post(f"{hub.url}hub/leave", {"_xsrf": token}, headers=referer)
    assert left.text == "good bye"
    assert not ada.is_logged_in


def test_static_files_of_jupyterhub_never_replace_those_of_the_hub(hub):
    def static(path):
        return requests.get(f"{hub.url}hub/static/{path}")

    for path in (
        "components/requirejs/require.js",
        "components/jquery/dist/jquery.min.js",
        "css/style.min.css",
    ):
        assert static(path).ok, path
    own = [path for path in OWN_STATIC.rglob("*") if path.is_file()]
    assert len(own) > 5
    for file in own:
        assert static(file.relative_to(OWN_STATIC)).content == file.read_bytes(), file
    assert static("../../jupyterhub_config.py").status_code == HTTPStatus.NOT_FOUND


def test_a_hub_without_the_plugin_serves_no_files_of_jupyterhub(tmp_path):
    with HubProcess(tmp_path, "--plugins", "simple,dummy,haproxy") as hub:
        answer = requests.get(f"{hub.url}hub/static/css/style.min.css")
    assert answer.status_code == HTTPStatus.NOT_FOUND
