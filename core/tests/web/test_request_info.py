"""The request that authenticators receive, and what they must not receive."""

import logging
from urllib.parse import quote

import pytest

from plughub import hookimpl
from plughub.auth import Authenticator
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.kinds import Identity
from plughub.services.settings import LoginPolicy
from plughub.testing.doubles import KnownUsers

OWN_COOKIES = (
    "jupyterhub-hub-login",
    "__Host-jupyterhub-hub-login",
    "jupyterhub-hub-login-staging",
    "jupyterhub-session-id",
    "jupyterhub-user-alice",
    "_xsrf",
    "__Host-_xsrf-staging",
)


class RequestRecorder(KnownUsers):
    """Records the requests that it receives."""

    def __init__(self):
        super().__init__({"alice": "wonder", "root": "toor"}, admins=["root"])
        self.seen = {}

    @hookimpl
    async def hub_authenticate(self, login, request):
        self.seen["authenticate"] = request
        known = self.passwords.get(login.username) == login.password or "token" in str(login.form)
        return Identity(name=login.username, admin=login.username in self.admins) if known else None

    @hookimpl
    async def hub_complete_login(self, identity, request):
        self.seen["complete"] = request

    @hookimpl
    async def hub_refresh_user(self, identity, request):
        self.seen["refresh"] = request


@pytest.fixture
async def curious_hub(make_hub):
    return await make_hub(users=RequestRecorder(), policies={"known": LoginPolicy(refresh_pre_spawn=True)})


def everything(request):
    """All texts of a request."""
    return " ".join(
        [
            request.uri,
            *(f"{name}: {value}" for name, value in request.headers),
            *(f"{name}={value}" for name, value in request.cookies.items()),
            str({**request.query}),
            str({**request.form}),
        ]
    )


async def test_login_request_reaches_authenticator(curious_hub):
    browser = curious_hub.browser(**{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    await browser.get("/hub/login")
    form = {"username": "alice", "password": "wonder", "_xsrf": browser.xsrf, "badge": ["7", "8"]}
    answer = await browser.post(
        "/hub/login?realm=north&realm=south",
        form=form,
        headers={"X-Campus": "1234", "Cookie": f'_xsrf={browser.xsrf}; campus=blue; other="a b"'},
    )
    assert answer.code == 302
    request = curious_hub.users.seen["authenticate"]
    assert (request.method, request.protocol, request.path) == ("POST", "https", "/hub/login")
    assert request.uri == "/hub/login?realm=north&realm=south"
    assert request.host == curious_hub.address.removeprefix("http://")
    assert request.remote_ip == "203.0.113.9"
    assert request.header("x-campus") == "1234"
    assert request.header("x-absent", "none") == "none"
    assert request.cookies == {"campus": "blue", "other": "a b"}
    assert request.header("Cookie") == 'campus=blue; other="a b"'
    assert request.query == {"realm": ("north", "south")}
    assert request.form == {"username": ("alice",), "password": ("wonder",), "badge": ("7", "8")}
    assert curious_hub.users.seen["complete"] == request


async def test_request_lacks_secrets_of_hub_and_servers(curious_hub):
    browser = await curious_hub.logged_in_bare()
    secret = "s3cr3t-of-another-session"
    cookies = "; ".join(f"{name}={secret}" for name in OWN_COOKIES)
    await browser.post(
        f"/hub/login?_xsrf={secret}",
        form={"username": "alice", "password": "wonder", "_xsrf": browser.xsrf},
        headers={
            "Cookie": f"{cookies}; {'; '.join(f'{name}={value}' for (name, _), value in browser.cookies.items())}",
            "Authorization": f"token {secret}",
            "Proxy-Authorization": secret,
            "X-XSRFToken": secret,
        },
    )
    request = curious_hub.users.seen["authenticate"]
    for value in (secret, *browser.cookies.values()):
        assert value not in everything(request)
    assert request.cookies == {}
    assert request.header("Cookie") == ""


async def test_request_is_read_only_and_hides_its_content(curious_hub, caplog):
    caplog.set_level(logging.DEBUG)
    await curious_hub.logged_in_bare()
    request = curious_hub.users.seen["authenticate"]
    for changed in (request.form, request.query, request.cookies):
        with pytest.raises(TypeError):
            changed["username"] = ("root",)
    assert "wonder" not in repr(request)
    assert "wonder" not in caplog.text


async def test_one_time_link_is_given_without_request(curious_hub):
    token = await curious_hub.links.create("alice")
    await curious_hub.browser().open_link(token)
    assert curious_hub.users.seen["authenticate"] is None


async def test_api_login_gives_request_without_form(curious_hub):
    model = {"auth": {"username": "alice", "password": "wonder"}}
    answer = await curious_hub.browser(**{"X-Campus": "9"}).post("/hub/api/users/alice/tokens", model=model)
    assert answer.code == 201
    request = curious_hub.users.seen["authenticate"]
    assert (request.header("X-Campus"), request.form) == ("9", {})


async def test_refresh_gets_own_request_only(curious_hub):
    alice, admin = await curious_hub.logged_in(), await curious_hub.logged_in("root")
    seen = curious_hub.users.seen
    answer = await alice.call("POST", f"/hub/api/users/alice/server?_xsrf={quote(alice.xsrf)}&why=now")
    assert answer.code in {201, 202}
    assert seen["refresh"].uri == "/hub/api/users/alice/server?why=now"
    assert seen["refresh"].cookies == {}
    await curious_hub.until(lambda: _is_ready(curious_hub))
    await alice.call("DELETE", "/hub/api/users/alice/server")
    await curious_hub.until(lambda: _is_gone(curious_hub))
    seen.pop("refresh")
    assert (await admin.call("POST", "/hub/api/users/alice/server")).code in {201, 202}
    assert seen["refresh"] is None


async def test_periodic_refresh_survives_undecodable_query(make_hub):
    hub = await make_hub(users=RequestRecorder(), policies={"known": LoginPolicy(refresh_age=1e-9)})
    alice = await hub.logged_in()
    hub.refresher._valid_until.clear()
    assert (await alice.get("/hub/home?x=%ff")).code == 200
    assert hub.users.seen["refresh"].query == {"x": ("\ufffd",)}


class CampusAuthenticator(Authenticator):
    """Reads the request as authenticators for JupyterHub do."""

    async def authenticate(self, handler, data):
        return {
            "name": data["username"],
            "user_info": {
                "name": handler.request.headers["x-campus"],
                "display_name": handler.get_cookie("campus"),
                "initials": handler.get_body_argument("badge"),
            },
        }


async def test_class_reads_request(make_hub):
    hub = await make_hub(users=AuthenticatorHooks("known", CampusAuthenticator()))
    browser = hub.browser(**{"X-Campus": "1234"})
    await browser.get("/hub/login")
    form = {"username": "alice", "password": "x", "_xsrf": browser.xsrf}
    cookies = {"Cookie": f"_xsrf={browser.xsrf}; campus=blue"}
    refused = await browser.post("/hub/login", form=form, headers=cookies)
    assert refused.code == 403
    assert "Missing argument badge" in refused.body.decode()
    assert (await browser.post("/hub/login", form={**form, "badge": " 7"}, headers=cookies)).code == 302
    user = await hub.user("alice")
    assert user.user_info == {"name": "1234", "display_name": "blue", "initials": "7"}


async def _is_ready(hub):
    servers = await hub.servers.of_user(await hub.user("alice"))
    return any(server.ready for server in servers)


async def _is_gone(hub):
    servers = await hub.servers.of_user(await hub.user("alice"))
    return not any(server.ready or server.pending for server in servers)
