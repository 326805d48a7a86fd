"""NativeAuthenticator, unmodified, on the database of a JupyterHub: users sign up, and an admin approves them."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from http import HTTPStatus

import onetimepass
import pytest
from playwright.async_api import async_playwright

from plughub.testing.hub import HubProcess
from plughub.testing.steady_chromium import steady_chromium

from .conftest import Visitor

pytestmark = pytest.mark.timeout(120)
ADA = "the password of ada"
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
CONFIG = """
import os, nativeauthenticator
c.JupyterHub.authenticator_class = "native"
c.JupyterHub.redirect_to_server = False
c.JupyterHub.template_paths = [os.path.join(os.path.dirname(nativeauthenticator.__file__), "templates")]
c.NativeAuthenticator.admin_users = {"ada"}
c.NativeAuthenticator.allow_all = True
c.NativeAuthenticator.blocked_users = {"mallory"}
c.NativeAuthenticator.allow_2fa = True
c.NativeAuthenticator.minimum_password_length = 3
"""
JUPYTERHUB = f"""
import bcrypt
from jupyterhub import orm
from nativeauthenticator.orm import UserInfo

database = orm.new_session_factory("sqlite:///jupyterhub.sqlite")()
database.add(orm.User(name="ada", admin=True))
password = bcrypt.hashpw({ADA.encode()!r}, bcrypt.gensalt(4))
database.add(UserInfo(username="ada", password=password, is_authorized=True))
database.commit()
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder, plugins = tmp_path_factory.mktemp("native"), "jupyterhub,simple,haproxy"
    subprocess.run([sys.executable, "-c", JUPYTERHUB], cwd=folder, check=True)
    with HubProcess(folder, "--plugins", plugins, "--upgrade-db", config=CONFIG) as hub:
        yield hub


def sign_up(hub, name, password):
    return message_of(submit_sign_up(hub, name, password))


def submit_sign_up(hub, name, password, **more):
    fields = {"username": name, "signup_password": password, "signup_password_confirmation": password}
    return Visitor(name).submit(f"{hub.url}hub/signup", **fields, **more)


def message_of(answer):
    return re.sub(r"\s+", " ", re.search(r'role="alert">(?:\s*<p>)?([^<]+)', answer.text)[1]).strip()


def logged_in(hub, name, password):
    visitor = Visitor(name)
    visitor.submit(f"{hub.url}hub/login", username=name, password=password)
    return visitor


def stored(hub):
    """Return whether each user who signed up is approved."""
    with sqlite3.connect(hub.folder / "jupyterhub.sqlite") as database:
        found = dict(database.execute("SELECT username, is_authorized FROM users_info"))
    database.close()
    return found


def test_a_user_who_signed_up_with_jupyterhub_logs_in_and_others_sign_up(hub):
    assert stored(hub)["ada"]
    assert logged_in(hub, "ada", ADA).is_logged_in
    assert "already in use" in sign_up(hub, "ada", "the password of mallory")


@pytest.mark.browser
async def test_a_user_signs_up_and_is_approved_in_a_browser(hub):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=steady_chromium(), args=["--no-sandbox"])
        bob, ada = [await (await browser.new_context()).new_page() for _ in range(2)]
        failed = []
        bob.on(
            "response", lambda got: failed.append(got.url) if got.status >= HTTPStatus.BAD_REQUEST else None
        )
        bob.on("pageerror", lambda error: failed.append(str(error)))
        await bob.goto(f"{hub.url}hub/login")
        await bob.click("text=Sign up")
        style = "element => getComputedStyle(element).backgroundColor"
        assert await bob.eval_on_selector(".auth-form-header", style) == "rgb(243, 117, 36)"
        assert await bob.evaluate("typeof require === 'function' && typeof jQuery") == "function"
        for field in ("username", "password", "password_confirmation"):
            await bob.fill(f"#{field}_input", "bob")
        await bob.click("#signup_submit")
        assert "sent to the admin" in await bob.inner_text(".alert")
        for page, name, password in ((bob, "bob", "bob"), (ada, "ada", ADA)):
            await page.goto(f"{hub.url}hub/login?next=/hub/token")
            await page.fill("#username_input", name)
            await page.fill("#password_input", password)
            await page.click("#login_submit")
        assert "has not been authorized by an administrator yet" in await bob.inner_text(".login_error")
        await ada.wait_for_url("**/hub/token")
        await ada.click("text=Authorize Users")
        await ada.click("#bob >> text=Authorize")
        await ada.wait_for_selector("#bob.success")
        await bob.fill("#username_input", "bob")
        await bob.fill("#password_input", "bob")
        await bob.click("#login_submit")
        await bob.wait_for_url("**/hub/token")
        assert await bob.query_selector("text=Authorize Users") is None
        assert not failed
        await browser.close()


def test_a_user_changes_the_password_and_may_not_use_pages_of_administrators(hub):
    assert sign_up(hub, "carol", "first") == "Your information has been sent to the admin."
    logged_in(hub, "ada", ADA).get(f"{hub.url}hub/authorize/carol")
    carol = logged_in(hub, "carol", "first")
    assert carol.is_logged_in
    changed = {"new_password": "second", "new_password_confirmation": "second"}
    page = f"{hub.url}hub/change-password"
    assert "incorrect" in message_of(carol.submit(page, old_password="no", **changed))
    assert "successfully" in message_of(carol.submit(page, old_password="first", **changed))
    assert [logged_in(hub, "carol", word).is_logged_in for word in ("first", "second")] == [False, True]
    for path in ("authorize", "authorize/carol", "discard/carol", "change-password/ada"):
        assert carol.get(f"{hub.url}hub/{path}").status_code == HTTPStatus.FORBIDDEN, path
        anonymous = Visitor("nobody")
        anonymous.get(f"{hub.url}hub/{path}")
        assert anonymous.url.startswith(f"{hub.url}hub/login?next="), path
    assert logged_in(hub, "ada", ADA).is_logged_in
    assert stored(hub)["carol"]


def test_a_user_may_sign_up_with_a_second_factor(hub):
    assert "at least 3 characters" in sign_up(hub, "grace", "no")
    page = submit_sign_up(hub, "grace", "any", **{"2fa": "2fa"}).text
    secret = re.search(r"authentication code is <strong>(\w+)", page)[1]
    logged_in(hub, "ada", ADA).get(f"{hub.url}hub/authorize/grace")
    assert not logged_in(hub, "grace", "any").is_logged_in
    grace = Visitor("grace")
    for _ in range(3):  # a code is valid until the next half minute, which may begin before the hub checks it
        if not grace.is_logged_in:
            code = {"2fa": f"{onetimepass.get_totp(secret):06}"}
            grace.submit(f"{hub.url}hub/login", username="grace", password="any", **code)
    assert grace.is_logged_in


def test_a_user_who_is_approved_but_blocked_is_refused(hub):
    sign_up(hub, "mallory", "any")
    logged_in(hub, "ada", ADA).get(f"{hub.url}hub/authorize/mallory")
    assert stored(hub)["mallory"]
    assert not logged_in(hub, "mallory", "any").is_logged_in


def test_pages_of_other_sites_can_neither_approve_nor_change_a_password(hub):
    sign_up(hub, "erin", "any")
    ada = logged_in(hub, "ada", ADA)
    for headers in (FROM_ELSEWHERE, {"Referer": "http://evil.example/"}):
        refused = ada.get(f"{hub.url}hub/authorize/erin", **headers)
        assert refused.status_code == HTTPStatus.FORBIDDEN
        assert "another site" in refused.text
    forged = ada.post(
        f"{hub.url}hub/change-password", old_password=ADA, new_password="x", new_password_confirmation="x"
    )
    assert forged.status_code == HTTPStatus.FORBIDDEN
    assert not stored(hub)["erin"]
    assert logged_in(hub, "ada", ADA).is_logged_in


def test_a_refused_user_is_discarded_and_the_others_survive_the_hub(hub):
    sign_up(hub, "frank", "any")
    logged_in(hub, "ada", ADA).get(f"{hub.url}hub/discard/frank")
    assert "frank" not in stored(hub)
    hub.kill()
    hub.start()
    assert logged_in(hub, "ada", ADA).is_logged_in
    assert not logged_in(hub, "frank", "any").is_logged_in
