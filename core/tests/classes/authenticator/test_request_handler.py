"""The read-only request handler of authenticator classes."""

import pytest
from tornado.web import MissingArgumentError

from plughub.auth import Authenticator
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.classes.authenticator.request_handler import handler_of
from plughub.kinds import Identity, Login, Rejected, RequestInfo

INFO = RequestInfo(
    method="POST",
    protocol="https",
    host="hub.example.org:8443",
    path="/hub/login",
    remote_ip="203.0.113.9",
    headers=(("X-Campus", "1"), ("X-Campus", "2"), ("Cookie", "campus=blue")),
    cookies={"campus": "blue"},
    query={"next": ("/hub/home",), "both": ("of the URL",)},
    form={"badge": (" 7 ", " 8 "), "both": ("of the form",), "password": ("s3cret",)},
)


@pytest.fixture
def handler():
    return handler_of(INFO, "/hub/", Authenticator())


def test_request_has_attributes_of_tornado(handler):
    request = handler.request
    assert (request.method, request.protocol, request.remote_ip) == ("POST", "https", "203.0.113.9")
    assert (request.host, request.host_name) == ("hub.example.org:8443", "hub.example.org")
    assert (request.path, request.query) == ("/hub/login", "next=%2Fhub%2Fhome&both=of+the+URL")
    assert request.full_url() == f"https://hub.example.org:8443{request.uri}"
    assert request.headers["x-campus"] == "1,2"
    assert request.headers.get_list("X-Campus") == ["1", "2"]
    assert request.headers.get("X-Absent") is None
    assert request.cookies["campus"].value == "blue"
    assert request.arguments["both"] == [b"of the URL", b"of the form"]
    assert request.body_arguments["badge"] == [b" 7 ", b" 8 "]
    assert request.query_arguments["next"] == [b"/hub/home"]


@pytest.mark.parametrize(("host", "name"), [("hub", "hub"), ("[::1]:8000", "[::1]"), ("[::1]", "[::1]")])
def test_host_name_has_no_port(host, name):
    assert handler_of(RequestInfo(host=host), "/hub/", Authenticator()).request.host_name == name


def test_handler_reads_arguments_as_tornado_does(handler):
    assert handler.get_argument("badge") == "8"
    assert handler.get_argument("badge", strip=False) == " 8 "
    assert handler.get_arguments("badge") == ["7", "8"]
    assert handler.get_body_argument("both") == "of the form"
    assert handler.get_body_arguments("absent") == []
    assert handler.get_query_argument("both") == "of the URL"
    assert handler.get_query_arguments("next") == ["/hub/home"]
    assert handler.get_argument("absent", None) is None
    with pytest.raises(MissingArgumentError, match="absent"):
        handler.get_argument("absent")


def test_handler_has_cookies_hub_log_and_authenticator(handler):
    assert handler.get_cookie("campus") == "blue"
    assert handler.get_cookie("absent", "none") == "none"
    assert handler.hub.base_url == handler.hub.server.base_url == "/hub/"
    assert handler.log is handler.authenticator.log


def test_missing_attribute_says_what_the_handler_is(handler):
    with pytest.raises(AttributeError, match=r"'redirect'.*read-only copy.*hub_register_pages"):
        handler.redirect("/")
    with pytest.raises(AttributeError):
        handler.request = None
    assert not hasattr(handler, "db")


def test_secrets_are_not_in_the_representation(handler):
    assert "s3cret" not in repr(handler) + repr(handler.request)


class RecordingAuthenticator(Authenticator):
    """Records the handler of each call."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.handlers = {}
        self.post_auth_hook = self.after

    async def authenticate(self, handler, data):
        self.handlers["authenticate"] = handler
        return data["username"]

    def is_admin(self, handler, authentication):
        self.handlers["is_admin"] = handler
        return handler is not None and handler.request.headers.get("X-Campus") == "1,2"

    @staticmethod
    def after(authenticator, handler, auth_model):
        authenticator.handlers["post_auth_hook"] = handler
        return auth_model

    async def refresh_user(self, user, handler=None):
        self.handlers["refresh_user"] = handler
        return True


@pytest.mark.parametrize("info", [INFO, None])
async def test_each_method_gets_the_request_or_none(info):
    recording = RecordingAuthenticator()
    hooks = AuthenticatorHooks("recording", recording)
    identity = await hooks.hub_authenticate(Login(username="alice"), info)
    done = await hooks.hub_complete_login(identity, None, info)  # type: ignore[arg-type]
    await hooks.hub_refresh_user(Identity(name="alice"), info)
    assert done.admin is (info is not None)
    assert set(recording.handlers) == {"authenticate", "is_admin", "post_auth_hook", "refresh_user"}
    for handler in recording.handlers.values():
        assert (handler and handler.request.remote_ip) == (info and info.remote_ip)


async def test_missing_argument_refuses_the_login():
    class StrictAuthenticator(Authenticator):
        async def authenticate(self, handler, data):
            return handler.get_argument("absent")

    answer = await AuthenticatorHooks("strict", StrictAuthenticator()).hub_authenticate(
        Login(username="alice"), INFO
    )
    assert answer == Rejected("Missing argument absent")
