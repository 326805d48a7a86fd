"""Take screenshots of every page: light, dark, and on a phone.

``.venv/bin/python docs/screenshots.py [FOLDER]`` starts a hub with a few users and servers, opens its pages
in Chromium and writes ``<page>-<look>.png`` to the folder, by default ``screenshots``, which Git ignores.
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from plughub.testing.client import ApiClient, client_of
from plughub.testing.hub import HubProcess

ADMIN: Final = "ada"
USER: Final = "grace"
NEWCOMER: Final = "emmy"
SERVER: Final = """
import os, sys, time
from plughub.testing import tiny_server

name = os.environ["JUPYTERHUB_SERVER_NAME"]
for line in (
    "[I 2026-03-01 09:00:00.120 ServerApp] Package jupyterlab took 0.0000s to import",
    "[W 2026-03-01 09:00:00.131 ServerApp] A setting of an earlier version has no effect: notebook_dir",
    "[I 2026-03-01 09:00:00.540 ServerApp] jupyterlab | extension was successfully linked.",
    "[E 2026-03-01 09:00:00.812 ServerApp] jupyterlab_git | extension failed: git not found",
    "[I 2026-03-01 09:00:01.004 ServerApp] Serving notebooks from " + os.path.expanduser("~"),
):
    print(line, flush=True)
if name == "broken":
    sys.exit("ModuleNotFoundError: No module named 'jupyterlab'")
if name == "slow":
    time.sleep(300)
tiny_server.main()
"""
"""Program of all servers: one ends at once, and one never answers."""
CONFIG: Final = """
import sys

c.JupyterHub.title = "Physics hub"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 5
c.JupyterHub.load_groups = {{
    "physics": {{"users": ["grace", "emmy", "alan"]}},
    "staff": {{"users": ["ada"]}},
}}
c.JupyterHub.load_roles = [
    {{"name": "user", "scopes": ["self", "shares!user", "read:users:name", "read:groups:name"]}},
]
c.JupyterHub.services = [{{"name": "grader", "url": "http://127.0.0.1:1", "display": True}}]
c.JupyterHub.tornado_settings = {{"slow_spawn_timeout": 0}}
c.JupyterHub.template_vars = {{
    "announcement": "Maintenance on Sunday from 8 to 9. Running servers keep running.",
}}
c.Authenticator.admin_users = {{"ada"}}
c.Authenticator.allow_all = True
c.DummyAuthenticator.password = "any"
c.Spawner.cmd = [sys.executable, {server!r}]
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
c.SimpleLocalProcessSpawner.home_dir_template = {home!r}
c.Spawner.profiles = [
    {{
        "slug": "small",
        "display_name": "Small",
        "description": "For courses and first steps",
        "default": True,
        "icon": "favicon.svg",
        "cpu_limit": 1,
        "mem_limit": "2G",
    }},
    {{
        "slug": "large",
        "display_name": "Large",
        "description": "For data that does not fit into Small",
        "cpu_limit": 4,
        "mem_limit": "16G",
        "profile_options": {{
            "page": {{
                "display_name": "Opens",
                "choices": {{
                    "lab": {{"display_name": "JupyterLab", "override": {{"default_url": "/lab"}}}},
                    "tree": {{"display_name": "Notebook", "override": {{"default_url": "/tree"}}}},
                }},
                "unlisted_choice": {{
                    "enabled": True,
                    "display_name_in_choices": "Another page",
                    "validation_regex": "/.+",
                    "validation_message": "must begin with /",
                    "override": {{"default_url": "{{value}}"}},
                }},
            }},
        }},
        "form": {{
            "properties": {{
                "hours": {{"type": "integer", "title": "Hours", "minimum": 1, "maximum": 8, "default": 2,
                          "description": "The server is stopped afterwards."}},
                "queue": {{"title": "Queue", "enum": ["day", "night"], "default": "day"}},
                "data": {{"type": "array", "title": "Data", "items": {{"enum": ["maps", "genomes"]}}}},
                "mail": {{"type": "boolean", "title": "Send a mail when it has started"}},
                "note": {{"title": "Note for the administrator", "format": "textarea"}},
            }},
        }},
    }},
]
"""
"""Configuration of the hub."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Appearance of a page.

    Attributes:
        name: last part of the names of its files.
        options: of the browser's context.
    """

    name: str
    options: Mapping[str, Any]


LOOKS: Final = (
    Look(name="light", options={"color_scheme": "light", "viewport": {"width": 1200, "height": 850}}),
    Look(name="dark", options={"color_scheme": "dark", "viewport": {"width": 1200, "height": 850}}),
    Look(
        name="phone",
        options={"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "has_touch": True},
    ),
)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Page to look at.

    Attributes:
        name: first part of the names of its files.
        user: name of the logged-in user; empty without a login.
        path: of the page, below the address of the hub.
        shows: selector of an element that appears when the page is complete.
        act: what to do on the page first.
        status: HTTP status of the page.
    """

    name: str
    user: str
    path: str
    shows: str = "main h1"
    act: Callable[[Page], None] | None = None
    status: int = 200


def wrong_password(page: Page) -> None:
    """Try to log in with a password that is wrong."""
    page.fill("#username_input", USER)
    page.fill("#password_input", "wrong")
    page.click("#login_submit")


def choose_large(page: Page) -> None:
    """Choose the profile with options, and a choice that is not listed."""
    page.check("input[value=large]")
    page.select_option("select", "--unlisted-choice")


def new_token(page: Page) -> None:
    """Create a token, which the page shows once."""
    page.fill("#token-note", "backup script")
    page.click("#request-token-form [type=submit]")
    page.locator("#token-result").wait_for()


VISITS: Final = (
    Visit(name="login", user="", path="hub/login", shows="#login_submit"),
    Visit(name="login-wrong", user="", path="hub/login", shows="[role=alert]", act=wrong_password),
    Visit(name="home", user=USER, path="hub/home"),
    Visit(name="home-first", user=NEWCOMER, path="hub/home"),
    Visit(name="start", user=NEWCOMER, path=f"hub/spawn/{NEWCOMER}"),
    Visit(name="start-options", user=NEWCOMER, path=f"hub/spawn/{NEWCOMER}", act=choose_large),
    Visit(
        name="start-link",
        user=NEWCOMER,
        path=f"hub/spawn/{NEWCOMER}/lab?opt-profile=large&opt-hours=3&opt-page=/x",
    ),
    Visit(name="starting", user=USER, path=f"hub/spawn-pending/{USER}/slow", shows="#progress-message"),
    Visit(name="log", user=USER, path=f"hub/logs/{USER}/slow", shows="#log .bad"),
    Visit(name="failed", user=USER, path=f"hub/spawn-pending/{USER}/broken", status=500),
    Visit(name="not-running", user=USER, path=f"hub/user/{USER}/thesis/", status=424),
    Visit(name="tokens", user=USER, path="hub/token"),
    Visit(name="token-created", user=USER, path="hub/token", act=new_token),
    Visit(name="sharing", user=USER, path="hub/shares"),
    Visit(name="not-found", user=USER, path="hub/nothing", status=404),
    Visit(name="log-out", user=NEWCOMER, path="hub/logout"),
)


class Tour:
    """A hub with users and servers, and a browser that visits its pages.

    Args:
        hub: a running hub with the configuration of `demo_hub`.
        browser: opens its pages.

    Attributes:
        errors: errors of scripts on the page that was opened last, and what its policy has blocked.
    """

    def __init__(self, hub: HubProcess, browser: Browser) -> None:
        self.hub = hub
        self.errors: list[str] = []
        self.share_code = ""
        self._browser = browser
        self._logins: dict[str, Any] = {"": None}

    def prepare(self) -> None:
        """Create users, servers in all states, shares and tokens."""
        admin = client_of(self.hub, ADMIN)
        for number in range(1, 41):
            admin("POST", f"/users/student{number:02}")
        for user, server in ((USER, ""), (USER, "thesis"), (USER, "broken"), (USER, "slow"), (ADMIN, "")):
            start(admin, user, server)
        admin("DELETE", f"/users/{USER}/servers/thesis", {})
        call = client_of(self.hub, USER)
        call("POST", f"/shares/{USER}/", {"user": NEWCOMER})
        self.share_code = call("POST", f"/share-codes/{USER}/").body["code"]
        call("POST", f"/users/{USER}/tokens", {"note": "notebook sync", "scopes": ["access:servers!user"]})
        call.until(f"/users/{USER}", lambda found: found["servers"][""]["ready"])
        call.until(f"/users/{USER}", lambda found: not found["servers"].get("broken", {}).get("pending"))

    def _note_blocked(self, line: ConsoleMessage) -> None:
        if "Content Security" in line.text:
            self.errors.append(line.text)

    def visits(self) -> Iterator[Visit]:
        """Yield all visits, with every page of the administration console."""
        yield from VISITS
        path = f"hub/accept-share?code={self.share_code}"
        yield Visit(name="accept-share", user=NEWCOMER, path=path)
        with self.context(ADMIN, LOOKS[0]) as context:
            page = context.new_page()
            page.goto(f"{self.hub.url}hub/admin")
            links = page.locator("nav.sections a").evaluate_all("links => links.map(a => a.pathname)")
        for path in links:
            name = "-".join(["admin", *path.split("/")[3:]])
            yield Visit(name=name, user=ADMIN, path=path.removeprefix("/"))

    @contextmanager
    def open(self, visit: Visit, look: Look) -> Iterator[Page]:
        """Open a page.

        Args:
            visit: the page.
            look: its appearance.

        Yields:
            The page.
        """
        with self.context(visit.user, look) as context:
            page = context.new_page()
            self.errors.clear()
            page.on("pageerror", lambda error: self.errors.append(str(error)))
            page.on("console", self._note_blocked)
            answer = page.goto(f"{self.hub.url}{visit.path}")
            if answer is None or answer.status != visit.status:
                raise AssertionError(f"{visit.path}: status {answer and answer.status}, not {visit.status}")
            if visit.act:
                visit.act(page)
            page.locator(visit.shows).first.wait_for()
            yield page

    @contextmanager
    def context(self, user: str, look: Look) -> Iterator[BrowserContext]:
        """Open a context of the browser in which a user is logged in."""
        if user not in self._logins:
            self._logins[user] = self._log_in(user)
        context = self._browser.new_context(**look.options, storage_state=self._logins[user])
        yield context
        context.close()

    def _log_in(self, user: str) -> Any:
        context = self._browser.new_context()
        page = context.new_page()
        page.goto(f"{self.hub.url}hub/login?next=/hub/home")
        page.fill("#username_input", user)
        page.fill("#password_input", "any")
        page.click("#login_submit")
        page.wait_for_url("**/hub/home")
        state = context.storage_state()
        context.close()
        return state


def start(admin: ApiClient, user: str, server: str) -> None:
    """Request the start of a server."""
    path = f"servers/{server}" if server else "server"
    admin("POST", f"/users/{user}/{path}", {"profile": "small"})


@contextmanager
def demo_hub(folder: Path) -> Iterator[HubProcess]:
    """Run a hub for the tour in a folder."""
    program = folder / "server.py"
    program.write_text(SERVER)
    config = CONFIG.format(server=str(program), home=f"{folder}/{{username}}")
    with HubProcess(folder, "--plugins", "dummy,simple", config=config) as hub:
        yield hub


def main(arguments: list[str]) -> int:
    """Write the screenshots."""
    target = Path(arguments[0] if arguments else "screenshots")
    target.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_hub(Path(folder)) as hub,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tour = Tour(hub, browser)
        tour.prepare()
        for visit in tour.visits():
            for look in LOOKS:
                with tour.open(visit, look) as page:
                    page.screenshot(path=target / f"{visit.name}-{look.name}.png", full_page=True)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
