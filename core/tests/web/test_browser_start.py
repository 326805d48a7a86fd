"""Start page in a real browser: choosing a profile, its fields, the suggestion of the last choice, and links."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from tornado.web import RequestHandler

from plughub.kinds import Profile

pytestmark = pytest.mark.browser
OPTIONS = {
    "properties": {
        "hours": {"type": "integer", "title": "Hours", "minimum": 1, "maximum": 8, "default": 2},
        "mail": {"type": "boolean", "title": "Send mail", "default": True},
        "image": {
            "title": "Image",
            "default": "base",
            "anyOf": [
                {"oneOf": [{"const": "base", "title": "Base"}, {"const": "r", "title": "With R"}]},
                {"type": "string", "title": "Other image", "pattern": "own/.+"},
            ],
        },
        "why": {"type": "string", "title": "Why"},
    },
    "required": ["why"],
}
PROFILES = (
    Profile(
        slug="small", title="Small", description="For exercises and short scripts.",
        cpu_limit=1, memory_limit=2 * 1024**3, default=True,
    ),
    Profile(
        slug="large", title="Large", description="For theses. Please stop it when you are done.",
        cpu_limit=4, memory_limit=16 * 1024**3, options=OPTIONS,
    ),
    Profile(slug="gpu", title="GPU", description="One GPU of the cluster."),
)  # fmt: skip


class ServerPage(RequestHandler):
    """Stand-in for the server that the proxy would route to."""

    def get(self):
        self.finish("<h1>This is the server</h1>")


async def log_in(page, hub, then="/hub/spawn"):
    hub.application.add_handlers(".*", [(r"/user/.*", ServerPage)])
    await page.goto(f"{hub.address}/hub/login?next={then}")
    await page.fill("#username_input", "alice")
    await page.fill("#password_input", hub.users.passwords["alice"])
    await page.click("#login_submit")
    await page.wait_for_url(f"**{then}")


async def test_a_profile_is_chosen_with_the_keyboard_suggested_again_and_linked(hub, page):
    hub.tiny.profiles = PROFILES
    await log_in(page, hub)
    assert await page.is_checked("#profile-0")
    assert not await page.is_visible("#profile-1-options")
    await page.focus("#profile-0")
    await page.keyboard.press("ArrowDown")
    assert await page.is_visible("#profile-1-options")
    assert await page.input_value("#profile-1-0") == "2"

    # The browser refuses what is missing or out of range, and nothing is sent.
    await page.click("#start")
    assert await page.evaluate("document.activeElement.id") == "profile-1-3"
    await page.fill("#profile-1-0", "4")
    await page.fill("#profile-1-3", "Thesis & more")
    assert not await page.is_visible("#profile-1-2-other")
    await page.select_option("#profile-1-2", label="Other image")
    await page.fill("#profile-1-2-other", "evil")
    await page.click("#start")
    await page.wait_for_selector("[role=alert]")
    assert "Image: does not have the required form" in await page.inner_text("[role=alert]")
    assert await page.input_value("#profile-1-2-other") == "evil"
    assert await page.input_value("#profile-1-3") == "Thesis & more"
    await page.fill("#profile-1-2-other", "own/1")
    await page.uncheck("#profile-1-1")

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.click("#copy-start-link")
    await page.wait_for_function("document.getElementById('copy-start-result').textContent !== ''")
    link = await page.evaluate("navigator.clipboard.readText()")
    assert parse_qs(urlsplit(link).query) == {
        "opt-profile": ["large"], "opt-hours": ["4"], "opt-mail": ["false"], "opt-image": ["own/1"],
        "opt-why": ["Thesis & more"],
    }  # fmt: skip

    await page.click("#start")
    await page.wait_for_url("**/user/alice/**")
    chosen = {"profile": "large", "hours": 4, "mail": False, "image": "own/1", "why": "Thesis & more"}
    assert hub.tiny.started[0].options == chosen
    await hub.servers.wait(await hub.servers.stop(await hub.servers.get("alice", "")), 30)
    await page.goto(f"{hub.address}/hub/spawn")
    assert await page.is_checked("#profile-1")
    assert await page.input_value("#profile-1-2-other") == "own/1"
    assert not await page.is_checked("#profile-1-1")

    await page.goto(link)
    await page.wait_for_url("**/user/alice/**")  # typed: the user's own default server needs no question
    assert hub.tiny.started[1].options == chosen
