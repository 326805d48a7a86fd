import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plughub.domain.errors import ConflictError
from plughub.domain.servers import NEXT_PHASES, Failure, OperationKind, Phase, ProgressReport
from plughub.testing.quick import examples

START, STOP = OperationKind.START, OperationKind.STOP


def begin(stored, user, name="", kind=START, **facts):
    def work(tx):
        owner = tx.users.get(user) or tx.users.create(user)
        server = tx.servers.get(user, name) or tx.servers.create(owner.id, name)
        return tx.operations.begin(server, kind, backend=facts.pop("backend", "docker"), **facts)

    return stored(work)


def claim(stored, holder="one", lease=10.0, host="here", backends=("docker",)):
    return stored(
        lambda tx: tx.operations.claim(holder, host=host, backends=backends, lease=lease, limit=100)
    )


def test_a_server_has_one_operation_at_a_time(stored):
    begin(stored, "alice")
    with pytest.raises(ConflictError, match="alice/"):
        begin(stored, "alice", kind=STOP)
    assert begin(stored, "alice", "lab").kind is START


def test_a_queued_start_cannot_be_claimed_until_it_is_admitted(stored):
    start = begin(stored, "alice")
    assert claim(stored) == []
    assert stored(lambda tx: tx.operations.admit(1)) == 1
    assert [taken.id for taken in claim(stored)] == [start.id]
    assert claim(stored, "two") == []


def test_the_limit_counts_starts_in_progress(stored):
    for name in "abc":
        begin(stored, name)
    assert stored(lambda tx: tx.operations.admit(2)) == 2
    assert stored(lambda tx: tx.operations.admit(2)) == 0
    assert stored(lambda tx: tx.operations.admit(0)) == 1


def test_a_users_second_start_waits_for_the_first_start_of_all_users(stored):
    greedy = [begin(stored, "greedy", name).id for name in ("a", "b", "c")]
    modest = begin(stored, "modest").id
    places = {key: stored(lambda tx, key=key: tx.operations.get(key)).place for key in [*greedy, modest]}
    assert places == {greedy[0]: 1, modest: 2, greedy[1]: 3, greedy[2]: 4}


def test_an_expired_lease_is_claimed_by_another_process(stored):
    stop = begin(stored, "alice", kind=STOP)
    assert claim(stored, "one", lease=-1)[0].attempts == 1
    assert claim(stored, "two")[0].attempts == 2
    assert not stored(lambda tx: tx.operations.advance(stop.id, "one", Phase.HALT))
    assert stored(lambda tx: tx.operations.advance(stop.id, "two", Phase.HALT))
    assert stored(lambda tx: tx.operations.renew("one", 10, [stop.id])) == {}
    assert stored(lambda tx: tx.operations.renew("two", 10, [stop.id])) == {stop.id: False}


def test_an_expired_lease_is_renewed_unless_it_was_claimed(stored):
    stop = begin(stored, "alice", kind=STOP)
    claim(stored, "one", lease=-1)
    assert stored(lambda tx: tx.operations.renew("one", 10, [stop.id])) == {stop.id: False}
    assert claim(stored, "two") == []


def test_only_operations_in_execution_are_renewed(stored):
    begin(stored, "alice", kind=STOP)
    claim(stored, "one", lease=-1)
    assert stored(lambda tx: tx.operations.renew("one", 10, [])) == {}
    assert len(claim(stored, "one")) == 1


def test_only_hubs_of_its_host_and_with_its_plugin_claim_an_operation(stored):
    begin(stored, "alice", kind=STOP, host="there")
    assert claim(stored, host="here") == []
    assert claim(stored, host="there", backends=("slurm",)) == []
    assert len(claim(stored, host="there")) == 1


def test_a_process_that_leaves_releases_its_leases(stored):
    begin(stored, "alice", kind=STOP)
    claim(stored, "one")
    assert not stored(lambda tx: tx.operations.has_unclaimed())
    stored(lambda tx: tx.hub_processes.leave("one"))
    assert stored(lambda tx: tx.operations.has_unclaimed())


def test_a_queued_start_ends_when_cancelled_and_a_running_one_is_marked(stored):
    first, second = begin(stored, "alice"), begin(stored, "bob")
    assert stored(lambda tx: tx.operations.cancel_queued(first.id))
    stored(lambda tx: tx.operations.admit(0))
    claim(stored)
    assert not stored(lambda tx: tx.operations.cancel_queued(second.id))
    assert stored(lambda tx: tx.operations.cancel(second.id))
    assert stored(lambda tx: tx.operations.renew("one", 10, [second.id])) == {second.id: True}
    assert not stored(lambda tx: tx.operations.cancel(first.id))


def test_a_finished_operation_frees_the_server_and_is_deleted_later(stored):
    start = begin(stored, "alice")
    stored(lambda tx: tx.operations.cancel_queued(start.id))
    assert stored(lambda tx: tx.servers.get("alice", "")).operation is None
    assert stored(lambda tx: tx.operations.purge(tx.now() + 1)) == 1
    assert stored(lambda tx: tx.operations.get(start.id)) is None


def test_failure_and_progress_are_kept(stored):
    stop = begin(stored, "alice", kind=STOP, failure=Failure(message="gone", exit_code=3, logs=("a", "b")))
    stored(lambda tx: tx.operations.claim("a", host="", backends=["docker"], lease=30, limit=9))
    assert stored(
        lambda tx: tx.operations.report(stop.id, "a", [ProgressReport(5, "pulling", "<b>pulling</b>")])
    )
    assert not stored(lambda tx: tx.operations.report(stop.id, "b", [ProgressReport(9, "lost")]))
    kept = stored(lambda tx: tx.operations.get(stop.id))
    assert (kept.failure.message, kept.failure.exit_code, kept.failure.logs) == ("gone", 3, ("a", "b"))
    assert kept.progress == (ProgressReport(5, "pulling", "<b>pulling</b>"),)


@settings(
    deadline=None, max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wanted=st.lists(st.sampled_from(list(Phase)), max_size=8))
def test_phases_follow_the_state_machine_only(stored, wanted):
    start = begin(stored, "alice")
    stored(lambda tx: tx.operations.admit(0))
    claim(stored)
    phase = Phase.LAUNCH
    for following in wanted:
        advanced = stored(lambda tx, to=following: tx.operations.advance(start.id, "one", to))
        assert advanced == (following in NEXT_PHASES[phase])
        phase = following if advanced else phase
    kept = stored(lambda tx: tx.operations.get(start.id))
    assert kept.phase is phase
    stored(lambda tx: tx.servers.delete(start.server_id))


def end(tx, operation):
    assert tx.operations.advance(operation.id, "one", Phase.UNDO)
    assert tx.operations.advance(operation.id, "one", Phase.DONE)


def test_many_starts_of_one_user_alternate_with_starts_of_later_users(stored):
    for number in range(4):
        begin(stored, "greedy", f"s{number}")
    order = []
    for guest in ("ann", "ben", "cat", "", "", "", ""):
        stored(lambda tx: tx.operations.admit(1))
        (taken,) = claim(stored)
        order.append(stored(lambda tx, key=taken.server_id: tx.servers.by_id(key).user))
        if guest:
            begin(stored, guest)
        stored(lambda tx, taken=taken: end(tx, taken))
    assert order == ["greedy", "greedy", "ann", "greedy", "ben", "cat", "greedy"]


def test_the_place_of_a_queued_start_never_rises(stored):
    first = begin(stored, "greedy", "a")
    others = [begin(stored, name) for name in ("ann", "ben")]
    second = begin(stored, "greedy", "b")
    places = {operation.id: [] for operation in (first, *others, second)}

    def look():
        waiting = stored(lambda tx: tx.operations.places(list(places)))
        for key, place in waiting.items():
            places[key].append(place)

    for number in range(6):
        look()
        stored(lambda tx: tx.operations.admit(1))
        for taken in claim(stored):
            begin(stored, f"guest{number}")
            look()
            stored(lambda tx, taken=taken: end(tx, taken))
    assert all(seen == sorted(seen, reverse=True) for seen in places.values()), places
    assert places[first.id][0] == 1
    assert all(places.values())
