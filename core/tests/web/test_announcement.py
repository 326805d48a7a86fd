from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest

from plughub.domain.announcements import Announcement
from plughub.domain.audit import AuditQuery
from plughub.domain.clock import isoformat, utcnow
from plughub.services.insight.announcements import TOPIC

PATH = "/hub/api/announcement"
HOSTILE = "<script>alert(1)</script> at noon"


async def announce(hub, **model):
    return await (await hub.admin()).ask("PUT", PATH, model=model)


async def test_an_announcement_is_on_every_page_as_text(hub):
    assert (await announce(hub, message=HOSTILE, severity="warning")).code == 200
    for page in ("/hub/login", "/hub/home", "/hub/no-such-page"):
        browser = hub.browser() if page == "/hub/login" else await hub.logged_in()
        text = (await browser.get(page)).body.decode()
        assert 'id="hub-announcement" class="note announcement warn"' in text, page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; at noon" in text
        assert HOSTILE not in text
    assert json.loads((await hub.browser().get(PATH)).body)["message"] == HOSTILE


async def test_an_announcement_ends_by_itself_or_on_request(hub):
    soon = isoformat(utcnow() + timedelta(hours=1))
    assert json.loads((await announce(hub, message="later", until=soon)).body)["until"] == soon
    assert b"later" in (await hub.browser().get("/hub/login")).body
    ended = Announcement(message="later", until=time.time() - 1)

    def store(tx):
        tx.settings.set(TOPIC, ended.packed())
        tx.changes.add(TOPIC, "")

    await hub.store.write(store)
    assert b"later" not in (await hub.browser().get("/hub/login")).body
    await announce(hub, message="later")
    assert b"later" in (await hub.browser().get("/hub/login")).body
    assert (await (await hub.admin()).delete(PATH)).code == 204
    assert b"later" not in (await hub.browser().get("/hub/login")).body
    assert json.loads((await hub.browser().get(PATH)).body)["message"] is None


async def test_other_processes_show_it_once_they_read_the_change_feed(make_hub):
    first = await make_hub()
    second = await make_hub(url=str(first.store.database.url))
    await second.hub_registry.poll_changes_once()
    assert b"noon" not in (await second.browser().get("/hub/login")).body
    await announce(first, message="restart at noon")
    await second.hub_registry.poll_changes_once()
    assert b"noon" in (await second.browser().get("/hub/login")).body


@pytest.mark.parametrize(
    "model",
    [
        {},
        {"message": " "},
        {"message": "x" * 2001},
        {"message": "x", "severity": "loud"},
        {"message": "x", "until": "tomorrow"},
        {"message": "x", "until": "2020-01-01"},
    ],
)
async def test_an_invalid_announcement_is_refused(hub, model):
    assert (await announce(hub, **model)).code == 400


async def test_an_announcement_needs_its_scope_and_is_audited(hub):
    other = await hub.admin("admin:users", "admin-ui")
    assert (await other.ask("PUT", PATH, model={"message": "x"})).code == 403
    assert (await announce(hub, message="x")).code == 200

    async def entries():
        return await hub.store.read(lambda tx: tx.audit.page(AuditQuery(kind="announce"), 0, 9))

    (entry,) = await hub.until(entries)
    assert (entry.actor, entry.detail["message"]) == ("root", "x")
