"""Pages of the console that report on the hub."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from plughub.domain.activity_charts import ActivityBucket, Span
from plughub.domain.clock import utcnow
from plughub.domain.roles import Role
from plughub.domain.usage import Outcome, RunStart
from plughub.web.pages.admin.charts import activity_charts, number_table, round_up

WORDS = [f"word{number}" for number in range(9)]


async def viewer(hub, *scopes):
    await hub.user("alice")

    def give(tx):
        tx.roles.ensure([Role(name="viewer", scopes=("admin-ui", *scopes))])
        tx.roles.grant("viewer", "user", ["alice"])

    await hub.store.write(give)
    return await hub.logged_in("alice")


async def page_of(browser, path):
    answer = await browser.get(f"/hub/admin/{path}")
    assert answer.code == 200, answer.body
    return answer.body.decode()


async def ran(hub, name, group):
    """Store that a user of a group has run a server."""
    user = await hub.user(name)
    await hub.store.write(lambda tx: tx.users.set_groups(user.id, [group]))

    def run(tx):
        start = RunStart(
            server_id=user.id, user_id=user.id, user=name, server="", groups=(group,), backend="tiny"
        )
        tx.runs.begin(start)
        tx.runs.mark_ready(user.id)
        tx.runs.end(user.id, Outcome.STOPPED)

    await hub.store.write(run)


async def test_a_group_admin_sees_the_usage_of_the_group_only(hub):
    await ran(hub, "bob", "class")
    await ran(hub, "eve", "staff")
    browser = await viewer(hub, "read:usage!group=class")
    page = await page_of(browser, "usage")
    assert '<th scope="row">bob</th>' in page
    assert "eve" not in page
    link = re.search(r'id="runs-csv"[^>]*href="([^"]+)"', page)[1].replace("&amp;", "&")
    rows = (
        await browser.get(link, headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"})
    ).body
    assert b"bob" in rows
    assert b"eve" not in rows


async def test_usage_is_that_of_the_requested_days(hub):
    await ran(hub, "bob", "class")
    browser = await viewer(hub, "read:usage")
    today = utcnow().date()
    before = today - timedelta(days=1)
    assert ">bob</th>" in await page_of(browser, f"usage?since={today}&until={today}&by=user")
    assert ">class</th>" in await page_of(browser, f"usage?since={today}&until={today}&by=group")
    assert "No server ran" in await page_of(browser, f"usage?since={before}&until={before}")
    assert ">bob</th>" in await page_of(browser, "usage?since=soon&until=later&by=weather")


async def test_health_shows_findings_and_plugins_their_hooks(hub):
    await hub.running("bob")
    server = await hub.servers.get("bob", "")
    await hub.store.write(lambda tx: tx.servers.set_unknown(server, "<b>the engine</b> does not answer"))
    browser = await viewer(hub, "read:hub")
    page = await page_of(browser, "health")
    assert "<code>H010</code>" in page
    assert "&lt;b&gt;the engine&lt;/b&gt; does not answer" in page
    plugins = await page_of(browser, "plugins")
    assert 'id="plugin-tiny"' in plugins
    assert "<code>hub_spawn</code>" in plugins


async def test_activity_is_drawn_and_listed(hub):
    await ran(hub, "bob", "class")
    browser = await viewer(hub, "read:metrics")
    for query in ("", "?span=week", "?span=century"):
        page = await page_of(browser, f"activity{query}")
        assert page.count("<path") >= 3
        assert 'id="numbers"' in page


async def test_pages_say_that_no_usage_is_kept(make_hub):
    hub = await make_hub(usage_days=0)
    browser = await viewer(hub, "read:metrics", "read:usage")
    for path in ("activity", "usage"):
        assert "JupyterHub.usage_days" in await page_of(browser, path)


def test_charts_have_round_scales_and_the_numbers_of_busy_intervals():
    begin = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    buckets = [ActivityBucket(begin=begin + 1800 * place) for place in range(47)]
    buckets.append(
        ActivityBucket(begin=begin + 1800 * 47, users=7, servers=9, starts=9, failures=1, median=2.5, slow=4)
    )
    charts = activity_charts(buckets, Span.DAY, WORDS)
    assert [chart.top for chart in charts] == [10.0, 10.0, 5.0, 1.0]
    assert [chart.is_empty for chart in charts] == [False, False, False, True]
    assert [label for _, _, label in charts[0].marks] == ["00:00", "06:00", "12:00", "18:00"]
    headings, rows = number_table(charts)
    assert rows == [["2026-03-01 23:30", "9", "7", "9", "1", "4", "2.5", "0"]]
    assert len(headings) == 7
    assert [round_up(value) for value in (0, 1, 3, 10, 11, 51, 2000)] == [1, 1, 5, 10, 20, 100, 2000]
