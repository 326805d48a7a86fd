"""Random requests to pages: no server errors, and no redirects to other sites."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from plughub.domain.hostnames import idna_host
from plughub.domain.origins import Origins
from plughub.testing.quick import examples

from .conftest import WebHub

EVIL = "evil.example"
PAGES = [
    "", "home", "login", "login/onetime", "confirm", "spawn", "spawn/alice", "spawn/alice/lab", "spawn/bob",
    "spawn-pending/alice", "spawn-pending/bob", "user/alice", "user/alice/lab", "user/bob/tree", "user-redirect/lab",
    "token", "accept-share", "error/503", "api/oauth2/authorize", "logout", "nothing",
]  # fmt: skip
FORMS = [
    "login",
    "login/onetime",
    "confirm",
    "spawn",
    "spawn/alice/lab",
    "accept-share",
    "api/oauth2/authorize",
    "logout",
]
NAMES = [
    "next", "_xsrf", "username", "password", "token", "code", "user", "backend", "display_name", "redirects", "frog",
    "opt-size", "opt-", "size", "client_id", "redirect_uri", "response_type", "state", "scope", "_linked", "url",
]  # fmt: skip
VALUES = [
    f"https://{EVIL}", f"//{EVIL}", f"///{EVIL}", f"/\\{EVIL}", f"\\\\{EVIL}", f"/%2f{EVIL}", f"/hub/..//{EVIL}",
    f"/user/alice/..//{EVIL}", f"javascript:alert('{EVIL}')", f"http:{EVIL}", f"/\t/{EVIL}", f"@{EVIL}", f".{EVIL}",
    "/hub/token", "/user/alice/lab?x=%2F#y", "/hub/login?next=/hub/spawn/alice/lab", "", " ", "\r\nX-Evil: 1",
    "alice", "tiny", "lab", "7", "big", "5", "[", "http://[", "%", "%zz", "é", "\u2028", "\0", "a" * 3000,
]  # fmt: skip
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
RAW = st.binary(max_size=8).map(lambda raw: bytes(byte for byte in raw if byte > 0x20 and byte != 0x7F))
"""Bytes as they may stand in a request line."""
VALUE = st.sampled_from(VALUES) | TEXT
ESCAPED = VALUE.map(lambda text: quote(text, safe="/:?@\\").encode()) | RAW
PAIR = st.builds(
    lambda name, value: name + b"=" + value, st.sampled_from(NAMES).map(str.encode) | RAW, ESCAPED
)
QUERY = st.lists(PAIR | ESCAPED, max_size=5).map(b"&".join)
KNOWN = st.sampled_from(PAGES).map(lambda page: b"hub/" + page.encode())
PATH = st.integers(0, 9).flatmap(lambda number: KNOWN if number else ESCAPED)
SITES = st.sampled_from(["none", "same-origin", "same-site", "cross-site", "?"])
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Sec-Fetch-Site": SITES,
        "Sec-Fetch-Mode": st.sampled_from(["navigate", "cors", "no-cors", "websocket"]),
        "Referer": st.sampled_from(
            ["/", "/hub/home", "/hub/login?next=/hub/spawn", "http://[", f"http://{EVIL}/"]
        ),
        "Origin": st.sampled_from([f"https://{EVIL}", "null", "http://["]),
        "Accept": st.sampled_from(["application/json", "text/html", "\xff"]),
        "Authorization": st.sampled_from(["token x", "Basic eDp5", "bearer", "token \xff"]),
        "X-Forwarded-Host": st.just(EVIL),
        "X-Forwarded-Proto": st.sampled_from(["https", "https, http", "javascript"]),
        "User-Agent": st.sampled_from(["", "\xff\xfe"]),
    },
)
ORIGINS: dict[str, Any] = {
    "one origin": {},
    "a base address": {"base_url": "/deep/prefix/"},
    "separate origins": {"origins": Origins(hub="http://127.0.0.1", servers="http://servers.example")},
    "a host for each": {"origins": Origins(hub="http://127.0.0.1", host_hook=idna_host)},
}
OURS = re.compile(r"https?://(127\.0\.0\.1(:\d+)?|servers\.example|[a-z0-9-]+\.127\.0\.0\.1)(/|$)")
HOW: dict[str, Any] = {
    "phases": [Phase.generate],
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


class PageLinks(HTMLParser):
    """Links of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        names = {"href", "action", "src", "formaction", "data-after", "data-spawn", "data-home", "data-url"}
        self.found += [value or "" for name, value in attrs if name in names]


class HubRun:
    """Hub on its own event loop with two logged-in users, one of them with a running server."""

    def __init__(self, folder: Path, given) -> None:
        self.loop = asyncio.new_event_loop()
        self.hub = WebHub(folder, allow_named_servers=True, **given)
        self.loop.run_until_complete(self._start())

    async def _start(self) -> None:
        await self.hub.start()
        await self.hub.running("bob")
        self.browsers = {"nobody": self.hub.browser(**{"User-Agent": "fuzz"})}
        await self.browsers["nobody"].get(f"{self.hub.base_url}hub/login")
        for name in ("alice", "bob"):
            self.browsers[name] = await self.hub.logged_in(name)

    def ask(self, user, method, path, query, headers, form=b""):
        return self.loop.run_until_complete(self._ask(user, method, path, query, headers, form))

    async def _ask(self, user, method, path, query, headers, form):
        browser = self.browsers[user]
        target = self.hub.base_url.encode() + path + (b"?" + query if query else b"")
        cookies = "; ".join(f"{name}={value}" for (name, _), value in browser.cookies.items())
        port = urlsplit(self.hub.address).port
        sent = {
            "Host": f"127.0.0.1:{port}",
            "Connection": "close",
            "Cookie": cookies,
            "User-Agent": "fuzz",
            **headers,
        }
        if sent.get("Referer", "").startswith("/"):
            sent["Referer"] = self.hub.address + sent["Referer"]
        if method == "POST":
            sent |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(form))}
        lines = [f"{name}: {value}".encode("latin-1") for name, value in sent.items()]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *lines, b"", form]))
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.decode("latin-1"), body.decode("utf-8", "replace")

    def close(self) -> None:
        self.loop.run_until_complete(self.hub.close())
        self.loop.close()


@pytest.fixture(scope="module", params=ORIGINS)
def run(request, tmp_path_factory) -> Iterator[HubRun]:
    run = HubRun(tmp_path_factory.mktemp("hub"), dict(ORIGINS[request.param]))
    yield run
    run.close()


def is_ours(address: str) -> bool:
    """Return whether a browser that follows an address stays on the hub, with the parsing rules of browsers."""
    plain = re.sub(r"[\t\r\n]", "", address).strip().replace("\\", "/")
    return bool(OURS.match(urljoin("http://127.0.0.1/hub/x", plain)))


def check(head: str, body: str) -> None:
    status = int(head.split(" ", 2)[1])
    assert status < 500 or (status == 500 and "Redirect loop" in body), (head, body)
    assert status < 400 or body, "an error without a message"
    assert "Traceback" not in body
    assert "\nx-evil" not in head.lower()
    location = re.search(r"(?im)^location: (.*?)\r?$", head)
    if location:
        assert location[1].isascii()
        assert is_ours(location[1]), location[1]
    if "text/html" in head:
        for link in PageLinks(body).found:
            assert is_ours(link), link


@given(user=st.sampled_from(["nobody", "alice", "bob"]), path=PATH, query=QUERY, headers=HEADERS)
@settings(max_examples=examples(200), **HOW)
def test_no_page_fails_or_redirects_to_another_site(run, user, path, query, headers):
    if b"logout" in path:
        user = "nobody"
    check(*run.ask(user, "GET", path, query, headers))


@given(
    user=st.sampled_from(["nobody", "alice"]),
    path=st.sampled_from(FORMS).map(lambda page: b"hub/" + page.encode()),
    query=QUERY,
    headers=HEADERS,
    fields=st.lists(st.tuples(st.sampled_from(NAMES), VALUE), max_size=5),
    more=RAW,
)
@settings(max_examples=examples(100), **HOW)
def test_no_form_fails_or_redirects_to_another_site(run, user, path, query, headers, fields, more):
    fields = [pair for pair in fields if pair[0] != "_xsrf"]
    if b"logout" in path:
        user = "nobody"
    form = urlencode([("_xsrf", run.browsers[user].xsrf), *fields]).encode() + b"&" + more
    check(*run.ask(user, "POST", path, query, headers, form))
