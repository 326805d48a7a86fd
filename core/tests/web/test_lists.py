"""Long lists in the API: pagination in the database with a constant number of statements."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from plughub.domain.audit import AuditEntry
from plughub.domain.clock import utcnow

PEOPLE = 60
FILLED = []
"""The filled database, once a test has made it."""


@pytest.fixture
async def hub(make_hub, tmp_path):
    file = tmp_path / "lists.sqlite"
    for content in FILLED:
        file.write_bytes(content)
    hub = await make_hub(url=f"sqlite:///{file}")
    if not FILLED:
        await fill(hub)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            FILLED.append(connection.serialize())
    return hub


async def fill(hub):
    """Store many users, groups, shares and codes."""

    def work(tx):
        keys = tx.user_list.create([f"user{number:02}" for number in range(PEOPLE)])
        tx.groups.create([f"group{number:02}" for number in range(PEOPLE)])
        owner = tx.users.create("owner")
        (server,) = tx.servers.of_user(owner.id)
        for number, key in enumerate(keys):
            tx.groups.add_users(f"group{number:02}", [f"user{number:02}", f"user{number // 2:02}"])
            tx.shares.grant(server, "user", key, ["access:servers!server=owner/"])
            tx.shares.grant(tx.servers.of_user(key)[0], "user", keys[0], ["access:servers"])
            group = tx.groups.get("group00").id
            tx.shares.grant(tx.servers.of_user(key)[0], "group", group, ["access:servers"])
            code = {"hashed": f"hash{number}", "prefix": "abcd", "expires_at": utcnow() + timedelta(days=1)}
            tx.shares.add_code(server, scopes=["access:servers!server=owner/"], **code)
        tx.audit.add([AuditEntry(at=utcnow(), kind="login", user="user00")] * PEOPLE)

    await hub.store.write(work)


@pytest.fixture
async def admin(hub):
    """Client of an admin in a hub with many users, groups, shares and codes."""
    return await hub.admin()


KEPT = "include_stopped_servers&x&y=&z=1&z=2&q=a%20b+c&u=%C3%BC&s=%2F"
LISTS = [
    "/users", "/groups", "/shares/owner", "/shares/owner/", "/share-codes/owner", "/share-codes/owner/",
    "/users/user00/shared", "/groups/group00/shared", "/audit", "/proxy",
    "/servers",
]  # fmt: skip


async def test_every_list_keeps_its_query_on_all_pages(hub, admin):
    for number in range(3):
        await hub.running(f"user0{number}")
    pages = {"Accept": "application/jupyterhub-pagination+json"}
    for path in LISTS:
        url, count = f"/hub/api{path}?limit=2&{KEPT}&offset=0", 0
        while url:
            answer = json.loads((await admin.get(url, headers=pages)).body)
            count += len(answer["items"])
            following = answer["_pagination"]["next"]
            url = following["url"] if following else ""
            assert not url or urlsplit(url).query == f"{KEPT}&offset={count}&limit=2", path
        assert count == answer["_pagination"]["total"] > 2, path


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("", 1), ("=", 1), ("=1", 1), ("=true", 1), ("=on", 1), ("=0", 0), ("=false", 0), (None, 0)],
)
async def test_stopped_servers_are_listed_on_request(hub, admin, sent, shown):
    query = "" if sent is None else f"?include_stopped_servers{sent}"
    for path in ("/users", "/users/owner"):
        model = json.loads((await admin.get(f"/hub/api{path}{query}")).body)
        users = model if isinstance(model, list) else [model]
        assert {len(user["servers"]) for user in users} == {shown}, path


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/users?include_stopped_servers=1",
        "/users?sort=-last_activity",
        "/users?name_filter=user",
        "/groups",
        "/shares/owner",
        "/shares/owner/",
        "/share-codes/owner",
        "/users/user00/shared",
        "/groups/group00/shared",
        "/audit",
    ],
)
async def test_statement_count_is_independent_of_page_length(hub, admin, path):
    statements = []
    engine = hub.store.database.engine
    event.listen(engine, "before_cursor_execute", lambda _c, _u, text, *_: statements.append(text))

    async def once(limit):
        del statements[:]
        answer = await admin.get(f"/hub/api{path}{'&' if '?' in path else '?'}limit={limit}")
        page = json.loads(answer.body)
        assert len(page["items"] if isinstance(page, dict) else page) == limit
        return len([text for text in statements if text.lstrip().startswith("SELECT")])

    async def count(limit):
        # Take the minimum of several runs: background loops add queries, and the first page fills the caches.
        return min([await once(limit) for _ in range(4)])

    assert await count(2) == await count(50) <= 9


async def test_servers_of_all_users_are_filtered_and_sorted(hub, admin):
    await hub.running("user03")
    await hub.running("user01")

    async def names(query, client=admin):
        return [server["user"] for server in json.loads((await client.get(f"/hub/api/servers{query}")).body)]

    assert await names("") == await names("?state=running") == ["user01", "user03"]
    assert await names("?sort=-started") == ["user01", "user03"], "the last one first"
    assert len(await names("?state=all")) == PEOPLE + 2
    assert await names("?state=stopped&name_filter=R05") == ["user05"]
    assert await names("?backend=tiny&sort=-user") == ["user03", "user01"]
    assert await names("?backend=other") == await names("?state=failed") == []
    (server,) = json.loads((await admin.get("/hub/api/servers?name_filter=user01")).body)
    single = json.loads((await admin.get("/hub/api/users/user01/server")).body)
    assert server == {**single, "user": "user01", "backend": "tiny"}
    own = await hub.program("user02")
    assert (await names("", own), await names("?state=all", own)) == ([], ["user02"])
    for wrong in ("state=odd", "state=", "sort=cookie_id", "limit=x"):
        assert (await admin.get(f"/hub/api/servers?{wrong}")).code == 400, wrong


async def test_pages_add_up_to_whole_list(hub, admin):
    for sort in ("id", "-id", "name", "-name", "last_activity", "-last_activity"):
        whole = [user["name"] for user in json.loads((await admin.get(f"/hub/api/users?sort={sort}")).body)]
        parts = []
        for offset in range(0, len(whole), 17):
            answer = await admin.get(f"/hub/api/users?sort={sort}&limit=17&offset={offset}")
            parts += [user["name"] for user in json.loads(answer.body)]
        assert parts == whole
        assert len(set(parts)) == PEOPLE + 2
