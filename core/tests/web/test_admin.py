"""The administration console: the scopes that open each section, and what its pages show."""

from __future__ import annotations

import re

import pytest

from plughub.domain.roles import Role
from plughub.web.admin_routes import ADMIN_PAGES
from plughub.web.pages.admin.navigation import CONSOLE, SECTIONS, SERVERS, SESSIONS, TOKENS

OF_ONESELF = {SERVERS, SESSIONS, TOKENS}
"""Sections in which every user may see what is their own."""


async def manager(hub, *scopes, name="alice"):
    """Log in as a user whose role holds scopes beyond the default role."""
    await hub.user(name)

    def give(tx):
        tx.roles.ensure([Role(name=f"{name}-role", scopes=scopes)])
        tx.roles.grant(f"{name}-role", "user", [name])

    await hub.store.write(give)
    return await hub.logged_in(name)


def sections_of(page):
    return re.findall(rb'id="section-([\w-]+)"', page.body)


def pages():
    return sorted({pattern.removesuffix("/?") for pattern, _ in ADMIN_PAGES if not {"(", "."} & set(pattern)})


async def test_admin_opens_all_pages(hub):
    browser = await hub.logged_in("root")
    for path in pages():
        page = await browser.get(f"/hub{path}")
        assert page.code == 200, path
        assert len(sections_of(page)) == len(SECTIONS)
        assert page.body.count(b'aria-current="page"') >= 1, path
    assert b'href="/hub/admin"' in (await browser.get("/hub/home")).body


async def test_user_without_console_scope_opens_no_page(hub):
    browser = await manager(hub, "admin:users", "admin:servers", "admin:groups", "read:hub", "read:audit")
    for path in pages():
        page = await browser.get(f"/hub{path}")
        assert page.code == 403, path
        assert b'id="section-' not in page.body
    assert b'href="/hub/admin"' not in (await browser.get("/hub/home")).body
    assert (await hub.browser().get("/hub/admin")).headers["Location"].startswith("/hub/login")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.path or "overview")
async def test_section_needs_one_of_its_scopes(hub, section):
    alone = await manager(hub, CONSOLE)
    open_to_all = not section.scopes or section in OF_ONESELF
    assert (await alone.get(f"/hub/admin/{section.path}".rstrip("/"))).code == (200 if open_to_all else 403)
    for number, scope in enumerate(section.scopes):
        browser = await manager(hub, CONSOLE, scope, name="bob" if number == 0 else f"user{number}")
        assert (await browser.get(f"/hub/admin/{section.path}")).code == 200, scope


# ---- lists


async def crowd(hub, *names):
    for name in names:
        await hub.user(name)


def rows(page, kind):
    return [name.decode() for name in re.findall(rb'<tr id="%s-([^"]+)"' % kind.encode(), page.body)]


async def test_users_are_searched_sorted_and_paged_in_the_database(hub):
    browser = await hub.logged_in("root")
    await crowd(hub, *(f"student-{number:03}" for number in range(120)), "a_b", "axb")
    assert len(rows(await browser.get("/hub/admin/users?q=student"), "user")) == 25
    first = await browser.get("/hub/admin/users?q=student&size=50")
    assert rows(first, "user") == [f"student-{number:03}" for number in range(50)]
    assert b"1 to 50 of 120" in first.body
    following = re.search(rb'rel="next" href="([^"]+)"', first.body)[1].decode().replace("&amp;", "&")
    assert rows(await browser.get(following), "user")[0] == "student-050"
    backwards = await browser.get("/hub/admin/users?q=STUDENT&sort=-name&page=3&size=50")
    assert rows(backwards, "user") == [f"student-{number:03}" for number in range(19, -1, -1)]
    assert rows(await browser.get("/hub/admin/users?q=a_"), "user") == ["a_b"]
    late = await browser.get("/hub/admin/users?q=student&size=50&page=9&sort=-name")
    assert late.code == 302
    assert late.headers["Location"].endswith("q=student&sort=-name&size=50&page=3")
    for wrong in ("page=0", "page=x", "page=99999999999999999999", "size=7", "sort=cookie_id", "state=odd"):
        assert (await browser.get(f"/hub/admin/users?{wrong}")).code == 200, wrong


async def test_servers_are_filtered(hub):
    browser = await hub.logged_in("root")
    await crowd(hub, "carol")
    await hub.running("alice")
    hub.tiny.failure = "no room"
    with pytest.raises(AssertionError):
        await hub.running("bob")

    async def users(query):
        page = await browser.get(f"/hub/admin/servers{query}")
        return sorted(re.findall(r'<th scope="row"><a [^>]+>([^<]+)', page.body.decode()))

    assert await users("") == ["alice"]
    assert await users("?state=failed") == ["bob"]
    assert await users("?state=stopped&q=car") == ["carol"]
    assert await users("?state=&sort=user") == ["alice", "bob", "carol", "root"]
    assert await users("?state=troubled") == []
    await hub.store.database.write(
        lambda c: c.exec_driver_sql("UPDATE plughub_servers SET unknown = 'engine' WHERE status = 'running'")
    )
    assert await users("?state=troubled") == await users("?backend=tiny") == ["alice"]
    assert await users("?backend=other") == []


async def test_odd_names_have_whole_ids_and_addresses(hub):
    browser = await hub.logged_in("root")
    await hub.store.write(lambda tx: (tx.user_list.create(["a b&c"]), tx.groups.create(["x <y>"])))
    page = (await browser.get("/hub/admin/users")).body.decode()
    assert 'aria-labelledby="name-a%20b%26c"' in page
    assert 'id="name-a%20b%26c" href="/hub/admin/users/a%20b%26c"' in page
    shown = (await browser.get("/hub/admin/users/a%20b%26c")).body.decode()
    assert 'href="/hub/admin/audit?user=a+b%26c"' in shown
    assert 'id="group-x%20%3Cy%3E"' in (await browser.get("/hub/admin/groups")).body.decode()
    assert (await browser.get("/hub/admin/groups/x%20%3Cy%3E")).code == 200


# ---- a group admin


async def school(hub):
    """Users of two groups; alice manages one of them, with the scopes of a test."""
    await crowd(hub, "bob", "carol", "dave")

    def fill(tx):
        tx.groups.create(["class", "staff"])
        tx.groups.add_users("class", ["bob", "carol"])
        tx.groups.add_users("staff", ["dave"])

    await hub.store.write(fill)
    await hub.running("bob")
    await hub.running("dave")
    await hub.tokens.create(await hub.user("bob"), note="of bob")
    await hub.tokens.create(await hub.user("dave"), note="of dave")


CONTROLS = {
    "admin:users": {"rename"},
    "delete:users": {"delete"},
    "start:servers": {"start-server", "options-server", "log-server"},
    "admin:server_state": {"log-server"},
    "delete:servers": {"stop-server"},
    "access:servers": {"open-server"},
    "tokens": {"revoke-token", "end-all"},
    "groups": {"leave"},
}
"""Controls of a user's page by the scope that they need, as the table of scopes has it."""
IMPLIED = {
    "admin:users": ("admin:users", "delete:users"),
    "servers": ("start:servers", "delete:servers"),
    "admin:servers": ("start:servers", "delete:servers", "admin:server_state"),
    "admin:groups": ("groups",),
}
SEEN = ("read:servers", "read:tokens", "read:users")


def controls(page):
    known = set().union(*CONTROLS.values())
    found = re.findall(r'id="([a-z-]+)', page.body.decode())
    return {name for name in known for one in found if one in {name, f"{name}-", f"{name}-class"}}


@pytest.mark.parametrize("scope", [*CONTROLS, *IMPLIED, "list:users"])
async def test_group_admin_sees_and_does_what_the_scopes_allow(hub, scope):
    await school(hub)
    limited = [f"{one}!group=class" for one in (scope, *SEEN, "list:users", "list:groups")]
    browser = await manager(hub, CONSOLE, *limited)
    listed = await browser.get("/hub/admin/users")
    assert rows(listed, "user") == ["bob", "carol"]
    assert b"dave" not in listed.body
    for other in ("users/dave", "users/root", "groups/staff"):
        assert (await browser.get(f"/hub/admin/{other}")).code in {403, 404}, other
    for path in ("servers?state=", "tokens", "groups", "sessions", ""):
        assert b"dave" not in (await browser.get(f"/hub/admin/{path}")).body
    assert b"of bob" in (await browser.get("/hub/admin/tokens")).body
    wanted = set().union(*(CONTROLS.get(one, set()) for one in IMPLIED.get(scope, (scope,))))
    # bob's server runs, so there is nothing to start; carol's does not
    running = controls(await browser.get("/hub/admin/users/bob"))
    stopped = controls(await browser.get("/hub/admin/users/carol"))
    assert running == wanted - {"start-server", "options-server"} - (
        {"end-all"} if "tokens" in scope else set()
    )
    assert stopped >= wanted & {"start-server", "options-server", "rename", "delete"}
    assert not stopped & {"stop-server", "open-server"}


async def test_group_admin_is_refused_beyond_the_group(hub):
    await school(hub)
    browser = await manager(
        hub, CONSOLE, *(f"{one}!group=class" for one in ("admin:users", "servers", "tokens"))
    )
    assert (await browser.call("DELETE", "/hub/api/users/dave/server", {})).code == 404
    assert (await browser.call("DELETE", "/hub/api/users/dave/sessions/s1")).code == 404
    assert (await browser.call("POST", "/hub/api/users/dave/login-link", {})).code == 404
    assert (await browser.call("DELETE", "/hub/api/users/bob/server", {})).code == 204
    assert (await browser.get("/hub/admin/audit")).code == 403
    assert (await browser.get("/hub/admin/audit.csv")).code == 403
