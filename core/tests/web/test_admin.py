"""The administration console: who may open which section, and what each page shows."""

from __future__ import annotations

import re

import pytest

from plughub.domain.roles import Role
from plughub.web.admin_routes import ADMIN_PAGES
from plughub.web.pages.admin.navigation import CONSOLE, SECTIONS


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
    return sorted({pattern.removesuffix("/?") for pattern, _ in ADMIN_PAGES if "(" not in pattern})


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
    expected = 403 if section.scopes else 200
    assert (await alone.get(f"/hub/admin/{section.path}".rstrip("/"))).code == expected
    for number, scope in enumerate(section.scopes):
        browser = await manager(hub, CONSOLE, scope, name="bob" if number == 0 else f"user{number}")
        assert (await browser.get(f"/hub/admin/{section.path}")).code == 200, scope
