from __future__ import annotations

import json
import logging
import re
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie
from urllib.parse import quote

import pytest
from tornado.web import create_signed_value

from plughub.domain.clock import utcnow
from plughub.kinds import LoginMethod
from plughub.services.tokens.tokens import store_token
from plughub.testing.doubles import KnownUsers


def cookies_of(answer):
    return {
        name: morsel
        for line in answer.headers.get_list("Set-Cookie")
        for name, morsel in SimpleCookie(line).items()
    }


async def test_login_redirects_to_server_start(hub):
    answer = await hub.browser().log_in("Alice ", "wonder")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/spawn")


async def test_wrong_password_shows_form_with_reason(hub):
    answer = await hub.browser().log_in("alice", "guess")
    assert answer.code == 403
    page = answer.body.decode()
    assert "Invalid username or password" in page
    assert 'value="alice"' in page
    assert "jupyterhub-hub-login" not in cookies_of(answer)


async def test_refusal_shows_reason(hub):
    answer = await hub.browser().log_in("eve", "apple")
    assert answer.code == 403
    assert "This account is locked." in answer.body.decode()


async def test_login_cookie_matches_jupyterhub(hub):
    cookies = cookies_of(await hub.browser().log_in("alice", "wonder"))
    login = cookies["jupyterhub-hub-login"]
    assert login["path"] == "/hub/"
    assert login["httponly"]
    assert not login["secure"]
    session = cookies["jupyterhub-session-id"]
    assert session["path"] == "/"
    assert session["httponly"]


async def test_login_cookie_expires_with_session(make_hub):
    hub = await make_hub(cookie_max_age_days=3)
    login = cookies_of(await hub.browser().log_in("alice", "wonder"))["jupyterhub-hub-login"]
    left = parsedate_to_datetime(login["expires"]) - utcnow()
    assert timedelta(days=3, minutes=-5) < left < timedelta(days=3, minutes=5)


async def test_cookie_of_existing_database_stays_valid(hub):
    user = await hub.user("alice")
    value = create_signed_value(hub.context.cookie_secret, "jupyterhub-hub-login", user.cookie_id)
    browser = hub.browser(Cookie=f"jupyterhub-hub-login={value.decode()}")
    answer = await browser.get("/hub/home")
    assert answer.code == 200
    assert "jupyterhub-session-id" in cookies_of(answer)


async def test_expired_cookie_is_ignored(make_hub):
    hub = await make_hub(cookie_max_age_days=1)
    user = await hub.user("alice")
    name = "jupyterhub-hub-login"
    old = create_signed_value(
        hub.context.cookie_secret, name, user.cookie_id, clock=lambda: time.time() - 2 * 86400
    )
    answer = await hub.browser(Cookie=f"{name}={old.decode()}").get("/hub/home")
    assert answer.code == 302


async def test_forged_cookie_is_ignored(hub):
    user = await hub.user("alice")
    value = create_signed_value(b"x" * 32, "jupyterhub-hub-login", user.cookie_id)
    answer = await hub.browser(Cookie=f"jupyterhub-hub-login={value.decode()}").get("/hub/home")
    assert answer.code == 302


async def test_cookies_are_secure_over_https(hub):
    browser = hub.browser(**{"X-Forwarded-Proto": "https"})
    cookies = cookies_of(await browser.log_in("alice", "wonder"))
    assert cookies["jupyterhub-hub-login"]["secure"]
    assert cookies["jupyterhub-session-id"]["secure"]


async def test_huge_name_is_refused_before_it_is_read(hub, caplog):
    caplog.set_level(logging.INFO)
    browser = hub.browser()
    await browser.get("/hub/login")
    answer = await browser.post("/hub/login", form={"username": "x" * 10_000_000, "_xsrf": browser.xsrf})
    assert answer.code in {413, 599}
    assert not hub.users.asked
    assert all(len(record.getMessage()) < 300 for record in caplog.records)


async def test_long_name_reaches_no_plugin_and_is_shortened_in_log(hub, caplog):
    caplog.set_level(logging.INFO)
    answer = await hub.browser().log_in("x" * 20_000 + "\nforged", "wonder")
    assert answer.code == 403
    assert not hub.users.asked
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert lines
    assert all(len(line) < 200 and "\n" not in line for line in lines)
    assert len(answer.body) < 20_000


async def test_cross_site_form_is_refused(hub):
    browser = hub.browser()
    answer = await browser.post(
        "/hub/login",
        form={"username": "alice", "password": "wonder"},
        headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    )
    assert answer.code == 403
    assert "The login form has expired. Try again." in answer.body.decode()
    assert "jupyterhub-hub-login" not in cookies_of(answer)
    assert not hub.users.asked


async def test_xsrf_token_of_another_browser_is_refused(hub):
    attacker = hub.browser(**{"User-Agent": "attacker"})
    await attacker.get("/hub/login")
    answer = await hub.browser(**{"User-Agent": "victim"}).post(
        "/hub/login", form={"username": "alice", "password": "wonder", "_xsrf": attacker.xsrf}
    )
    assert answer.code == 403
    assert not hub.users.asked


@pytest.mark.parametrize(
    "target", ["//evil.test/x", "https://evil.test", "/\\evil.test", "https:evil.test", "javascript:alert(1)"]
)
async def test_login_never_redirects_to_another_site(hub, target):
    answer = await hub.browser().log_in("alice", "wonder", f"/hub/login?next={quote(target, safe='')}")
    assert answer.headers["Location"] == "/hub/spawn"


async def test_login_redirects_to_next(hub):
    first = await hub.browser().get("/hub/token?x=1")
    assert first.headers["Location"] == "/hub/login?next=%2Fhub%2Ftoken%3Fx%3D1"
    answer = await hub.browser().log_in("alice", "wonder", first.headers["Location"])
    assert answer.headers["Location"] == "/hub/token?x=1"


async def test_one_time_link_works_once(hub):
    token = await hub.links.create("carol", admin=True)
    browser = hub.browser()
    answer = await browser.open_link(token)
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/spawn")
    assert (await browser.get("/hub/home")).code == 200
    again = await hub.browser().open_link(token)
    assert again.code == 403
    assert "already used" in again.body.decode()


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"Sec-Fetch-Mode": "no-cors"}),
    ],
)
async def test_prefetch_does_not_use_link(hub, method, headers):
    token = await hub.links.create("carol")
    await hub.browser().ask(method, f"/hub/login/onetime?token={token}", headers=headers)
    answer = await hub.browser().open_link(token)
    assert answer.code == 302


async def test_link_token_is_not_logged(hub, caplog):
    caplog.set_level(logging.DEBUG)
    token = await hub.links.create("carol")
    await hub.browser().open_link(token)
    assert token not in caplog.text


async def test_login_page_explains_one_time_links(make_hub):
    hub = await make_hub(users=KnownUsers({}, method=LoginMethod(form=False)))
    page = (await hub.browser().get("/hub/login")).body.decode()
    assert "one-time" in page
    assert "password_input" not in page


async def test_login_page_explains_disabled_login(make_hub):
    hub = await make_hub(context={"login_methods": {"known": LoginMethod(form=False)}})
    hub.active.retire("onetime", "authenticator")
    page = (await hub.browser().get("/hub/login")).body.decode()
    assert "Logging in is disabled on this hub" in page
    assert "one-time" not in page
    assert "password_input" not in page


async def test_external_login_is_button_that_leads_back(make_hub):
    hub = await make_hub(users=KnownUsers({}, method=LoginMethod(label="GitHub", url="/hub/oauth_login")))
    page = (await hub.browser().get("/hub/login?next=/hub/home")).body.decode()
    assert 'href="/hub/oauth_login?next=%2Fhub%2Fhome"' in page
    assert "Log in with GitHub" in page
    assert "password_input" not in page


async def test_external_login_can_redirect_at_once(make_hub):
    hub = await make_hub(users=KnownUsers({}, method=LoginMethod(url="/hub/oauth_login", auto=True)))
    answer = await hub.browser().get("/hub/login?next=/hub/home")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/oauth_login?next=%2Fhub%2Fhome")


async def test_login_from_server_can_redirect_to_external_login(make_hub):
    method = LoginMethod(url="/hub/oauth_login", auto_oauth=True)
    browser = (await make_hub(users=KnownUsers({}, method=method))).browser()
    asked = await browser.get("/hub/api/oauth2/authorize?client_id=jupyterhub-user-alice")
    answer = await browser.get(asked.headers["Location"])
    assert (answer.code, answer.headers["Location"].partition("?")[0]) == (302, "/hub/oauth_login")
    assert (await browser.get("/hub/login?next=/hub/home")).code == 200


async def test_authenticator_markup_replaces_form(make_hub):
    html = '<form id="mine"><input name="_xsrf" value="{{ xsrf }}"><b>{{ login_error }}</b></form>'
    hub = await make_hub(users=KnownUsers({}, method=LoginMethod(html=html)))
    browser = hub.browser()
    page = (await browser.get("/hub/login")).body.decode()
    assert f'<form id="mine"><input name="_xsrf" value="{browser.xsrf}">' in page
    assert "password_input" not in page


async def test_one_time_password_is_requested_and_passed_on(make_hub):
    known = KnownUsers({"alice": "wonder"}, method=LoginMethod(request_otp=True, otp_prompt="Code:"))
    hub = await make_hub(users=known)
    browser = hub.browser()
    page = (await browser.get("/hub/login")).body.decode()
    assert "Code:" in page
    form = {"username": "alice", "password": " wonder ", "otp": "123", "_xsrf": browser.xsrf}
    await browser.post("/hub/login", form=form)
    assert known.asked[0].form == {"otp": "123"}
    assert known.asked[0].password == " wonder "


async def test_logout_ends_session_and_its_tokens(hub):
    browser = await hub.logged_in()
    user = await hub.user()
    session = browser.cookies["jupyterhub-session-id", "/"]
    await hub.store.write(lambda tx: store_token(tx, "f" * 32, user_id=user.id, session_id=session))
    program = hub.browser(Authorization="token " + "f" * 32)
    assert (await program.get("/hub/api/user")).code == 200
    answer = await browser.get("/hub/logout")
    assert answer.headers["Location"] == "/hub/login"
    assert (await program.get("/hub/api/user")).code == 403
    assert ("jupyterhub-hub-login", "/hub/") not in browser.cookies
    assert (await browser.get("/hub/home")).code == 302


@pytest.mark.parametrize(
    "path", ["/hub/home", "/hub/login", "/hub/token", "/hub/spawn", "/hub/user/alice/", "/hub/nothing"]
)
async def test_response_in_progress_does_not_undo_logout(hub, path):
    browser = await hub.logged_in()
    answer = await browser.get(path)
    assert not [cookie for cookie in answer.headers.get_list("Set-Cookie") if "hub-login" in cookie]


async def test_external_link_does_not_log_out(hub):
    browser = await hub.logged_in()
    for headers in (
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ):
        answer = await browser.get("/hub/logout", headers=headers)
        assert answer.code == 200
        assert "Log out?" in answer.body.decode()
    assert (await browser.get("/hub/home")).code == 200
    await browser.post("/hub/logout", form={"_xsrf": browser.xsrf})
    assert (await browser.get("/hub/home")).code == 302


async def test_forwarded_address_is_trusted_from_this_machine_only(hub):
    browser = hub.browser(**{"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    await browser.log_in("alice", "wonder")
    assert hub.users.asked[0].remote_ip == "203.0.113.9"


async def test_logged_in_user_skips_login_page(hub):
    browser = await hub.logged_in()
    answer = await browser.get("/hub/login?next=/hub/token")
    assert (answer.code, answer.headers["Location"]) == (302, "/hub/token")


async def test_token_is_created_with_name_and_password(hub):
    await hub.user()
    answer = await hub.browser().post(
        "/hub/api/users/alice/tokens", model={"auth": {"username": "alice", "password": "wonder"}}
    )
    assert answer.code == 201
    token = json.loads(answer.body)["token"]
    assert (await hub.browser(Authorization=f"Bearer {token}").get("/hub/api/user")).code == 200


async def test_too_many_wrong_passwords_return_429_with_retry_after(hub):
    browser = hub.browser()
    codes = [(await browser.log_in("alice", f"guess{number}")).code for number in range(9)]
    assert codes[:6] == [403] * 6
    answer = await browser.log_in("alice", "wonder")
    assert (codes[-1], answer.code) == (429, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 2
    assert "Too many failed logins. Try again in" in answer.body.decode()
    assert 'name="password"' in answer.body.decode()
    program = await hub.browser().post(
        "/hub/api/users/alice/tokens", model={"auth": {"username": "alice", "password": "wonder"}}
    )
    assert (program.code, "Retry-After" in program.headers) == (429, True)
    elsewhere = hub.browser(**{"X-Forwarded-For": "192.0.2.9"})
    assert (await elsewhere.log_in("alice", "wonder")).code == 302


async def test_log_distinguishes_anonymous_requests(hub):
    from plughub.services.observability.log_rate_limit import unauthenticated_address

    seen = {}

    class RecordingHandler(logging.Handler):
        def emit(self, record):
            if "marked" in record.getMessage():
                seen[record.getMessage().split("marked-")[1].split(" ")[0]] = unauthenticated_address.get()

    handler, log = RecordingHandler(), logging.getLogger("plughub.web")
    log.addHandler(handler)
    try:
        stranger_browser, user = hub.browser(**{"X-Forwarded-For": "192.0.2.9"}), await hub.logged_in("alice")
        await stranger_browser.get("/hub/marked-page")
        await stranger_browser.get("/hub/api/marked-call", headers={"Authorization": "token wrong"})
        await stranger_browser.ask("MARK", "/hub/marked-method")
        await user.get("/hub/marked-user")
    finally:
        log.removeHandler(handler)
    assert seen == {"page": "192.0.2.9", "call": "192.0.2.9", "method": "192.0.2.9", "user": None}


async def test_login_and_logout_pages_clear_stored_data(hub):
    anonymous, browser = hub.browser(), await hub.logged_in()
    opening = {"Sec-Fetch-Mode": "navigate"}
    for answer in (await anonymous.get("/hub/login", headers=opening), await browser.get("/hub/logout")):
        assert answer.headers["Clear-Site-Data"] == '"storage"', "cookies are kept"
    picture = {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"}
    assert "Clear-Site-Data" not in (await anonymous.get("/hub/login", headers=picture)).headers
    assert "Clear-Site-Data" not in (await (await hub.logged_in()).get("/hub/home")).headers


async def test_confirmation_attempts_are_throttled(hub):
    browser = await hub.logged_in()
    form = {"username": "alice", "_xsrf": browser.xsrf}
    codes = [(await browser.post("/hub/confirm", form={**form, "password": f"p{n}"})).code for n in range(8)]
    assert (codes[0], codes[-1]) == (403, 429)
    assert len(hub.users.asked) < 8


async def tab(browser):
    """Open the login page in another tab and return the token of its form."""
    page = (await browser.get("/hub/login")).body.decode()
    return re.search(r'name="_xsrf" value="([^"]+)"', page)[1]


@pytest.mark.parametrize("second", ["alice", "bob"])
@pytest.mark.parametrize("before", ["nothing", "home", "logout", "an hour"])
async def test_login_in_second_tab_works_after_first(hub, second, before):
    browser = hub.browser()
    token = await tab(browser)
    await browser.log_in("alice", "wonder")
    if before == "home":  # sets another XSRF cookie
        await browser.get("/hub/home")
    elif before == "logout":
        await browser.get("/hub/logout")
    elif before == "an hour":
        browser.cookies.clear()
    form = {"username": second, "password": hub.users.passwords[second], "_xsrf": token}
    assert (await browser.post("/hub/login", form=form)).code == 302
    assert f'class="who">{second}<'.encode() in (await browser.get("/hub/home")).body


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Referer": "https://evil.example/hub/login"},
        {"Referer": ""},
        {"User-Agent": "another browser"},
    ],
)
async def test_second_tab_token_is_refused_from_other_origins(hub, headers):
    browser = hub.browser()
    token = await tab(browser)
    await browser.log_in("alice", "wonder")
    await browser.get("/hub/home")
    form = {"username": "bob", "password": "builder"}
    for sent in (token, ""):
        more = headers if sent else {}
        answer = await browser.post("/hub/login", form={**form, "_xsrf": sent}, headers=more)
        assert (answer.code, b"The login form has expired" in answer.body) == (403, True)
    theirs = await hub.logged_in("bob")
    answer = await browser.post("/hub/login", form={**form, "_xsrf": theirs.xsrf})
    assert answer.code == 403
    assert b'class="who">alice<' in (await browser.get("/hub/home")).body


@pytest.mark.parametrize(
    "form", ["username=%00", "username=%FF", "username=a&password=%FF", "username=a&next=%00"]
)
@pytest.mark.parametrize("page", ["login", "confirm"])
async def test_undecodable_input_is_refused_with_message(hub, page, form):
    for browser in (hub.browser(), await hub.logged_in()):
        await browser.get("/hub/login")
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        for token in (f"&_xsrf={browser.xsrf}", "&_xsrf=%FF", ""):
            answer = await browser.post(f"/hub/{page}", body=(form + token).encode(), headers=kind)
            assert (answer.code in {400, 403}, b"</h1>" in answer.body) == (True, True)
