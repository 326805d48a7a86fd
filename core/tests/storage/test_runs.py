from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from plughub.domain.activity_charts import Span
from plughub.domain.scopes import ScopeCoverage
from plughub.domain.timings import RUN_SEEN_SECONDS
from plughub.domain.usage import Outcome, RunStart, UsageKey, UsageQuery
from plughub.storage.runs import Runs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
HOUR = 3600
DAY = UsageQuery(since=NOON, until=NOON + 24 * HOUR)
ALICE = RunStart(
    server_id=1, user_id=1, user="alice", server="", groups=("class", "staff"), backend="docker",
    profile="GPU", requested=NOON,
)  # fmt: skip
BOB = replace(ALICE, server_id=2, user_id=2, user="bob", groups=(), backend="local", profile="")


@pytest.fixture
def at(stored):
    """Run a function with the runs as if it were an hour of that day."""

    def at(hour: float, work):
        return stored(lambda tx: work(Runs(tx._connection, NOON + hour * HOUR)))

    return at


def run(
    at, start: RunStart, begin: float, end: float | None, outcome=Outcome.STOPPED, resources=(2, 4 * 2**30)
):
    at(begin, lambda runs: runs.begin(start))
    at(begin, lambda runs: runs.set_resources(start.server_id, *resources))
    at(begin, lambda runs: runs.mark_ready(start.server_id))
    if end is not None:
        at(end, lambda runs: runs.mark_seen([start.server_id]))
        at(end, lambda runs: runs.end(start.server_id, outcome))


def sums(at, by=UsageKey.USER, query=DAY, hour: float = 24):
    report = at(hour, lambda runs: runs.report(query, by))
    return {usage.key: (usage.runs, round(usage.hours, 3)) for usage in report.sums}


def test_a_run_counts_as_far_as_it_is_in_the_period(at):
    run(at, ALICE, -2, 3)
    run(at, ALICE, 20, None)
    run(at, BOB, 30, 31)
    assert sums(at) == {"alice": (2, 7.0)}
    assert sums(at, hour=22) == {"alice": (2, 5.0)}
    assert sums(at, query=replace(DAY, since=NOON + HOUR, until=NOON + 2 * HOUR)) == {"alice": (1, 1.0)}


def test_resource_hours_are_those_of_the_resources_that_are_known(at):
    run(at, ALICE, 0, 3)
    run(at, BOB, 0, 1, resources=(None, None))
    total = at(24, lambda runs: runs.report(DAY, UsageKey.USER)).total
    assert (total.runs, total.hours, total.cpu_hours, total.memory_hours) == (2, 4.0, 6.0, 12.0)


def test_usage_is_summed_by_group_backend_and_profile(at):
    run(at, ALICE, 0, 3)
    run(at, BOB, 0, 1)
    assert sums(at, UsageKey.GROUP) == {"class": (1, 3.0), "staff": (1, 3.0), "": (1, 1.0)}
    assert sums(at, UsageKey.BACKEND) == {"docker": (1, 3.0), "local": (1, 1.0)}
    assert sums(at, UsageKey.PROFILE) == {"GPU": (1, 3.0), "": (1, 1.0)}
    total = at(24, lambda runs: runs.report(DAY, UsageKey.GROUP)).total
    assert (total.runs, total.hours) == (2, 4.0)


def test_a_start_that_failed_or_was_cancelled_uses_nothing(at):
    for outcome in (Outcome.DIED, Outcome.STOPPED):
        at(1, lambda runs: runs.begin(ALICE))
        at(2, lambda runs, outcome=outcome: runs.end(1, outcome))
    assert sums(at) == {}
    assert [found.outcome for found in at(3, lambda runs: runs.page(DAY, 0, 9))] == ["cancelled", "failed"]


def test_a_launch_that_another_process_repeats_is_one_run(at):
    at(0, lambda runs: runs.begin(ALICE))
    at(1, lambda runs: runs.begin(ALICE))
    run(at, ALICE, 2, 3)
    assert sums(at) == {"alice": (1, 1.0)}


@pytest.mark.parametrize(
    ("outcome", "last_activity", "ended"),
    [
        (Outcome.DIED, 0, 2),
        (Outcome.LOST, 0, 2),
        (Outcome.DIED, NOON + 3 * HOUR, 3),
        (Outcome.STOPPED, 0, 9),
    ],
)
def test_a_server_that_died_unseen_ends_when_it_was_last_known_to_run(at, outcome, last_activity, ended):
    run(at, ALICE, 1, None)
    at(2, lambda runs: runs.mark_seen([1]))
    at(9, lambda runs: runs.end(1, outcome, last_activity=last_activity))
    assert at(9, lambda runs: runs.page(DAY, 0, 1))[0].ended == NOON + ended * HOUR


def test_a_server_that_dies_under_the_eyes_of_the_hub_ends_now(at):
    run(at, ALICE, 1, None)
    soon = 1 + 2 * RUN_SEEN_SECONDS / HOUR
    at(soon, lambda runs: runs.end(1, Outcome.DIED))
    assert at(9, lambda runs: runs.page(DAY, 0, 1))[0].ended == pytest.approx(NOON + soon * HOUR)


def test_a_run_survives_its_user_and_follows_a_new_name(at, stored):
    user = stored(lambda tx: tx.users.create("alice"))
    server = stored(lambda tx: tx.servers.get("alice", ""))
    run(at, replace(ALICE, user_id=user.id, server_id=server.id), 0, 1)
    stored(lambda tx: tx.user_list.rename(user.id, "alicia"))
    assert sums(at) == {"alicia": (1, 1.0)}
    stored(lambda tx: tx.user_list.delete(user.id))
    again = stored(lambda tx: tx.users.create("carol"))  # may have the key of the deleted user
    stored(lambda tx: tx.user_list.rename(again.id, "caroline"))
    assert sums(at) == {"alicia": (1, 1.0)}


def test_a_run_whose_server_is_gone_is_ended_by_housekeeping(at):
    run(at, ALICE, 1, None)
    at(9, lambda runs: runs.end_abandoned())
    found = at(9, lambda runs: runs.page(DAY, 0, 1))[0]
    assert (found.ended, found.outcome) == (NOON + HOUR, Outcome.LOST)


def test_old_runs_are_deleted(at):
    run(at, ALICE, 0, 1)
    run(at, ALICE, 2, 3)
    run(at, BOB, 0, None)
    assert at(4, lambda runs: runs.purge(NOON + 2 * HOUR)) == 1
    assert at(4, lambda runs: runs.count(DAY)) == 2


def test_a_list_is_limited_to_users_and_to_members_of_groups(at, stored):
    for name in ("alice", "bob", "carol"):
        user = stored(lambda tx, name=name: tx.users.create(name))
        run(at, replace(BOB, user_id=user.id, server_id=user.id, user=name), 0, 1)
    stored(lambda tx: tx.users.set_groups(tx.users.get("carol").id, ["class"]))
    within = ScopeCoverage(users=frozenset({"bob"}), groups=frozenset({"class"}))
    assert sums(at, query=replace(DAY, within=within)) == {"bob": (1, 1.0), "carol": (1, 1.0)}
    assert sums(at, query=replace(DAY, within=ScopeCoverage())) == {}


def test_durations_of_starts_are_those_of_the_newest_runs_of_a_backend_and_profile(at):
    for minutes in (1, 2, 3):
        begin = minutes / 60
        run(at, replace(ALICE, requested=NOON), begin, begin + 1)
        run(at, replace(BOB, requested=NOON), 10 + begin, 11 + begin)
    at(20, lambda runs: runs.begin(replace(ALICE, requested=NOON)))  # not ready yet

    assert at(21, lambda runs: runs.start_durations("docker", "GPU", limit=2)) == [180, 120]
    assert len(at(21, lambda runs: runs.start_durations("local", "", limit=9))) == 3
    assert at(21, lambda runs: runs.start_durations("docker", "", limit=9)) == []


@pytest.mark.parametrize("span", list(Span))
def test_activity_counts_users_starts_failures_and_times_in_each_interval(at, span):
    width = span.bucket_seconds / HOUR

    def start(server_id, user, hour, *, seconds=1.0, queued=0.0, fails=False, end=None):
        begin = replace(ALICE, server_id=server_id, user=user, requested=NOON + hour * HOUR)
        at(hour + queued / HOUR, lambda runs: runs.begin(begin))
        if fails:
            at(hour + seconds / HOUR, lambda runs: runs.end(server_id, Outcome.DIED))
            return
        at(hour + seconds / HOUR, lambda runs: runs.mark_ready(server_id))
        if end is not None:
            at(end, lambda runs: runs.end(server_id, Outcome.STOPPED))

    now = 10 * width + 0.05
    for number in range(20):  # all in the interval before the last
        start(100 + number, "alice", 9 * width + 0.01, seconds=float(number + 1), end=9 * width + 0.1)
    start(1, "bob", 9 * width + 0.02, fails=True)
    start(2, "carol", 5 * width + 0.01, queued=30.0, seconds=40.0)
    found = at(now, lambda runs: runs.activity(span))
    assert len(found) == span.buckets
    last = {round((bucket.begin - NOON) / 3600 / width): bucket for bucket in found}
    begin = found[-1].begin
    assert begin <= NOON + now * HOUR < begin + span.bucket_seconds
    busy, early, present = last[9], last[5], last[10]
    assert (busy.starts, busy.failures, busy.users, busy.servers) == (21, 1, 2, 21)
    assert (busy.median, busy.slow) == (pytest.approx(10.0), pytest.approx(19.0))
    assert (early.starts, early.users, early.queued) == (1, 1, pytest.approx(30.0))
    assert early.median == pytest.approx(40.0)
    assert (present.users, present.servers, present.starts, present.median) == (1, 1, 0, None)
