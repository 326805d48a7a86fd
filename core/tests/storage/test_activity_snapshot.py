from plughub.domain.servers import OperationKind, Phase


def test_the_snapshot_counts_open_operations_and_has_the_time_of_the_last_end(stored):
    at_rest = stored(lambda tx: tx.activity_snapshot())
    assert (at_rest.open_operations, at_rest.has_unclaimed, at_rest.last_done, at_rest.hubs) == (
        0,
        False,
        0.0,
        0,
    )

    def begin(tx):
        server = tx.servers.create(tx.users.create("alice").id, "")
        return tx.operations.begin(server, OperationKind.STOP, backend="docker")

    operation = stored(begin)
    begun = stored(lambda tx: tx.activity_snapshot())
    assert (begun.open_operations, begun.has_unclaimed) == (1, True)
    stored(lambda tx: tx.operations.claim("one", host="here", backends=("docker",), lease=60, limit=1))
    held = stored(lambda tx: tx.activity_snapshot())
    assert (held.open_operations, held.has_unclaimed) == (1, False)
    assert stored(lambda tx: tx.operations.advance(operation.id, "one", Phase.DONE))
    done = stored(lambda tx: tx.activity_snapshot())
    assert (done.open_operations, done.has_unclaimed) == (0, False)
    assert done.last_done > 0


def test_the_snapshot_shows_pending_deletions(stored):
    alice = stored(lambda tx: tx.users.create("alice"))
    assert stored(lambda tx: tx.activity_snapshot()).pending_deletions == 0
    stored(lambda tx: tx.pending_deletions.begin(alice.id, holder="one", requested_by=""))
    assert stored(lambda tx: tx.activity_snapshot()).pending_deletions == 1


def test_the_snapshot_has_the_time_of_the_database(stored):
    before, activity_snapshot, after = (
        stored(lambda tx: tx.now()),
        stored(lambda tx: tx.activity_snapshot()),
        stored(lambda tx: tx.now()),
    )
    assert before <= activity_snapshot.at <= after


def test_the_snapshot_shows_that_a_process_joined_or_left(stored):
    stored(lambda tx: tx.hub_processes.join("one", host="here", pid=1, birth=0.0, url=""))
    joined = stored(lambda tx: tx.activity_snapshot())
    assert joined.hubs == 1
    assert joined.last_hub_started > 0
    stored(lambda tx: tx.hub_processes.leave("one"))
    assert stored(lambda tx: tx.activity_snapshot()).hubs == 0
