"""Many users at once, with servers that need no resources: what is measured is the hub itself."""

import asyncio
import json
import os
import re
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from plughub.testing.hub import HubProcess

PEOPLE = 500
CONFIG = """
c.Authenticator.allow_all = True
c.JupyterHub.concurrent_spawn_limit = 50
c.JupyterHub.allow_named_servers = True
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
"""
pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def hub(tmp_path):
    about = tmp_path / "plugins" / "quick-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: quick\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[plughub]\nquick = plughub.testing.quick_spawner\n")
    path = os.pathsep.join(filter(None, [str(about.parent), os.environ.get("PYTHONPATH", "")]))
    with HubProcess(
        tmp_path, "--plugins", "dummy,quick,haproxy", config=CONFIG, env={"PYTHONPATH": path}
    ) as running:
        yield running


class LoadTestUser:
    """A user who logs in, starts a server, and records the responses."""

    def __init__(self, url, client, name):
        self.url, self.client, self.name = url.rstrip("/"), client, name
        self.cookies = {}
        self.places = []
        self.end = {}

    async def ask(self, method, path, body=None, headers=None, read=None):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.client.fetch(
            HTTPRequest(
                f"{self.url}{path}",
                method=method,
                body=body,
                headers={"Cookie": cookies, **(headers or {})},
                follow_redirects=False,
                request_timeout=200,
                connect_timeout=60,
                streaming_callback=read,
            ),
            raise_error=False,
        )
        for line in answer.headers.get_list("Set-Cookie"):
            self.cookies |= {
                name: morsel.value for name, morsel in SimpleCookie(line).items() if morsel.value
            }
        return answer

    async def log_in(self):
        page = await self.ask("GET", "/hub/login")
        assert page.code == 200, page.code
        form = {"username": self.name, "password": "x", "_xsrf": self.cookies["_xsrf"]}
        answer = await self.ask("POST", "/hub/login", urlencode(form))
        assert answer.code == 302, (answer.code, answer.body)
        page = await self.ask("GET", "/hub/home")
        assert page.code == 200, page.code

    async def start(self, server=""):
        headers = {"X-XSRFToken": self.cookies["_xsrf"], "Content-Type": "application/json"}
        path = (
            f"/hub/api/users/{self.name}/servers/{server}" if server else f"/hub/api/users/{self.name}/server"
        )
        answer = await self.ask("POST", path, "{}", {**headers, **SAME_ORIGIN})
        assert answer.code in {201, 202}, (answer.code, answer.body)
        return path

    async def watch(self, path):
        left = b""

        def read(chunk):
            nonlocal left
            *lines, left = (left + chunk).split(b"\n")
            for line in filter(None, lines):
                self.hear(json.loads(line.removeprefix(b"data: ")))

        query = urlencode({"_xsrf": self.cookies["_xsrf"]})
        answer = await self.ask("GET", f"{path}/progress?{query}", headers=SAME_ORIGIN, read=read)
        assert answer.code == 200, (answer.code, answer.body)
        assert self.end.get("ready"), self.end

    def hear(self, event):
        self.end = event
        if "place" in event:
            self.places.append(event["place"])

    async def come(self):
        await self.log_in()
        await self.watch(await self.start())


SAME_ORIGIN = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}


async def test_five_hundred_simultaneous_users_are_all_served(hub):
    AsyncHTTPClient.configure(None)
    client = AsyncHTTPClient(force_instance=True, max_clients=2 * PEOPLE)
    people = [LoadTestUser(hub.url, client, f"p{number}") for number in range(PEOPLE)]
    async with asyncio.TaskGroup() as crowd:
        for person in people:
            crowd.create_task(person.come())
    client.close()
    for person in people:
        assert person.places == sorted(person.places, reverse=True), person.places
    assert any(person.places for person in people)
    assert not re.search(r"Traceback|ERROR", hub.stderr), hub.stderr
