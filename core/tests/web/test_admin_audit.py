"""The audit trail in the administration console, and its export."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest

from plughub.domain.audit import AuditEntry
from plughub.web.pages.admin import audit


def entry(number, kind="spawn", user="alice", actor="alice", day=1, **detail):
    return AuditEntry(at=datetime(2026, 1, day, 12, number % 60, tzinfo=UTC), kind=kind, user=user,
                      actor=actor, detail=detail)  # fmt: skip


@pytest.fixture
async def browser(hub):
    browser = await hub.logged_in("root")
    entries = [entry(number, reason=f"=cmd|{number}") for number in range(30)]
    entries += [
        entry(0, "delete-user", "bob", "=HYPERLINK(1)", day=2),
        entry(0, "login", "<b>carol</b>", day=3),
    ]
    await hub.store.write(lambda tx: tx.audit.add(entries))
    return browser


async def kinds(browser, query):
    page = await browser.get(f"/hub/admin/audit?{query}")
    assert page.code == 200
    return re.findall(r'<th scope="row">([^<]+)', page.body.decode())


async def test_entries_are_filtered(browser):
    until = "until=2026-01-31"
    assert await kinds(browser, f"{until}&size=25") == ["login", "delete-user", *["spawn"] * 23]
    assert await kinds(browser, "kind=delete-user&since=2026-01-02") == ["delete-user"]
    assert await kinds(browser, f"user=bob&{until}") == ["delete-user"]
    assert await kinds(browser, "since=2026-01-02&until=2026-01-02") == ["delete-user"]
    assert await kinds(browser, "since=odd&until=2026-01-01&size=100") == ["spawn"] * 30
    assert await kinds(browser, "actor=nobody") == []
    page = await browser.get(f"/hub/admin/audit?{until}")
    assert b"&lt;b&gt;carol" in page.body
    assert b"<b>carol" not in page.body


async def test_export_contains_all_matching_entries(browser, monkeypatch):
    monkeypatch.setattr(audit, "AT_ONCE", 7)
    exported = await browser.get("/hub/admin/audit.json?until=2026-01-31")
    assert exported.headers["Content-Disposition"].endswith('.json"')
    models = json.loads(exported.body)
    assert len(models) == len({model["id"] for model in models}) == 32
    assert [model["id"] for model in models] == sorted((model["id"] for model in models), reverse=True)
    assert json.loads((await browser.get("/hub/admin/audit.json?user=nobody")).body) == []
    table = (await browser.get("/hub/admin/audit.csv?until=2026-01-31")).body.decode()
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [int(line["id"]) for line in lines] == [model["id"] for model in models]
    assert lines[1]["actor"] == "'=HYPERLINK(1)", "a spreadsheet would calculate it"
    assert json.loads(lines[2]["detail"])["reason"].startswith("=cmd")
    assert (await browser.ask("HEAD", "/hub/admin/audit.csv")).body == b""


async def test_export_is_recorded(hub, browser):
    await browser.get("/hub/admin/audit.csv")

    async def recorded():
        return "export-audit" in await kinds(browser, "actor=root")

    assert await hub.until(recorded)


async def test_hub_without_audit_trail_says_so(make_hub):
    hub = await make_hub(context={"audit": None})
    browser = await hub.logged_in("root")
    page = await browser.get("/hub/admin/audit")
    assert page.code == 404
    assert b"keeps no audit trail" in page.body
