"""Random requests within the OpenAPI document: only documented responses."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plughub.domain.scopes import DEFINITIONS
from plughub.testing.quick import examples
from plughub.web.api.openapi import describe
from plughub.web.api_routes import CALLS

from .conftest import WebHub

LONGEST_LINE = 1000
KNOWN = {
    "name": ["root", "alice", "bob", "carol"],
    "owner": ["alice", "bob"],
    "server": ["", "lab", "other"],
    "token": ["a1", "a2", "a3"],
    "session": ["s1", "s2", "s"],
    "group": ["class", "staff"],
    "service": ["cull", "dash"],
    "cookie": ["jupyterhub-hub-login"],
    "value": ["x"],
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = st.sampled_from(["alice", "bob", "carol", "class", "staff", "lab", "new-one", "root"]) | TEXT
SCOPES = st.builds(
    "{}{}".format,
    st.sampled_from(sorted(DEFINITIONS)),
    st.sampled_from(["", "!user", "!user=bob", "!group=class"]),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
BY_TYPE = {
    "string": NAMES
    | SCOPES
    | TEXT
    | st.sampled_from(["2020-01-01T00:00:00Z", "2999-01-01", "http://127.0.0.1:9"]),
    "boolean": st.booleans(),
    "integer": st.integers() | st.integers(0, 100_000),
    "array": st.lists(NAMES | SCOPES, max_size=3),
    "object": st.dictionaries(NAMES, ANYTHING, max_size=3),
}
OPERATIONS = [
    (path, method.upper(), operation)
    for path, methods in describe(CALLS, "/hub/api")["paths"].items()
    for method, operation in methods.items()
    if path != "/openapi.json"
]


class HubRun:
    """Hub on its own event loop, called from another thread."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.hub = WebHub(folder, allow_named_servers=True)
        self.lines: list[str] = []
        self.handler = logging.Handler()
        self.handler.emit = lambda record: self.lines.append(record.getMessage())
        logging.getLogger().addHandler(self.handler)
        self.loop.run_until_complete(self._start())

    async def _start(self) -> None:
        await self.hub.start()
        self.nobody = await self.hub.program("eve", "(no_scope)")
        await self._fill()

    async def _fill(self) -> None:
        for name in ("alice", "bob", "carol"):
            await self.hub.user(name)
        await self.hub.store.write(self._fill_more)
        self.admin = await self.hub.admin()

    def _fill_more(self, tx):
        tx.groups.create(["class"])
        for name in ("alice", "bob"):
            if tx.servers.get(name, "lab") is None:
                tx.servers.create(tx.users.get(name).id, "lab")
        tx.shares.grant(tx.servers.get("alice", "lab"), "user", tx.users.get("bob").id, ["access:servers"])

    async def _ask(self, client, method, path, body):
        headers = {"Authorization": self.admin.headers["Authorization"]}
        if await self.hub.tokens.authenticate(headers["Authorization"].partition(" ")[2]) is None:
            await self._fill()
        return await client().ask(method, path, body=body)

    def ask(self, client, method, path, body):
        return self.loop.run_until_complete(self._ask(client, method, path, body))

    def close(self) -> None:
        logging.getLogger().removeHandler(self.handler)
        self.loop.run_until_complete(self.hub.close())
        self.loop.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Iterator[HubRun]:
    run = HubRun(tmp_path_factory.mktemp("hub"))
    yield run
    run.close()


@st.composite
def requests(draw):
    path, method, operation = draw(st.sampled_from(OPERATIONS))
    address, query = path, []
    for parameter in operation["parameters"]:
        name = parameter["name"]
        if parameter["in"] == "path":
            value = draw(st.sampled_from(KNOWN[name]) | TEXT.filter(lambda text: text.strip(".")))
            address = address.replace(f"{{{name}}}", quote(value, safe=""))
        elif draw(st.booleans()):
            value = draw(BY_TYPE[parameter["schema"]["type"]] | NAMES)
            query.append(f"{name}={quote(str(value))}")
    if path.endswith(("/events", "/stream")):
        query.append("once=1")  # else it would not end
    body = None
    if "requestBody" in operation and draw(st.integers(0, 9)):
        schema = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
        keys = {key: BY_TYPE[kind["type"]] | st.none() for key, kind in schema.items()}
        model = draw(st.fixed_dictionaries({}, optional=keys) | st.dictionaries(TEXT, ANYTHING, max_size=2))
        body = json.dumps(model).encode()
    return path, method, f"/hub/api{address}{'?' if query else ''}{'&'.join(query)}", body, operation


def check(run, client, request):
    path, method, address, body, operation = request
    del run.lines[:]
    answer = run.ask(client, method, address, body)
    # An empty part of the path makes it a different path.
    described = {
        *map(int, operation["responses"]),
        *({404, 405} if "//" in address or address.endswith("/") else ()),
    }
    assert answer.code in described, (method, address, body, answer.code, answer.body)
    assert answer.code < 500
    if answer.code >= 400 and not path.startswith("/oauth2"):
        assert 3 < len(json.loads(answer.body)["message"]) < LONGEST_LINE
    assert max(map(len, run.lines), default=0) < LONGEST_LINE
    return answer


HOW: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@given(request=requests())
@settings(max_examples=examples(600), **HOW)
def test_admin_gets_described_responses(run, request):
    check(run, lambda: run.admin, request)


@given(request=requests())
@settings(max_examples=examples(300), **HOW)
def test_token_without_scopes_gets_open_calls_only(run, request):
    path, method, *_ = request
    answer = check(run, lambda: run.nobody, request)
    open_to_all = {call.path for call in CALLS if call.open} | {"/user"}
    by_token = path.startswith("/authorizations/")
    if path not in open_to_all and not by_token and method != "OPTIONS":
        assert answer.code in {400, 403, 404, 405}, (method, request[2], answer.code)
