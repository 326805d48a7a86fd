from plughub.domain.login_throttle import AttemptRecord


def test_counts_are_kept_and_forgotten(stored) -> None:
    assert stored(lambda tx: tx.login_attempts.get(["a", "b"])) == {}
    assert stored(lambda tx: tx.login_attempts.lock(["b", "a"])) == {
        "a": AttemptRecord(),
        "b": AttemptRecord(),
    }
    kept = {"a": AttemptRecord(count=2.5, at=10, until=12, turn=True), "b": AttemptRecord(at=10, known=10)}
    stored(lambda tx: tx.login_attempts.put(kept))
    assert stored(lambda tx: tx.login_attempts.get(["a", "b", "c"])) == kept
    stored(lambda tx: tx.login_attempts.purge(11, 5, 100))
    assert stored(lambda tx: tx.login_attempts.get(["a", "b"])) == {"b": kept["b"]}


def test_rows_have_a_bound_and_those_of_users_go_last(stored) -> None:
    stored(lambda tx: tx.login_attempts.put({f"k{n}": AttemptRecord(at=100 + n) for n in range(20)}))
    stored(lambda tx: tx.login_attempts.put({"user": AttemptRecord(at=1, known=1)}))
    stored(lambda tx: tx.login_attempts.purge(0, 0, 5))
    keys = [f"k{n}" for n in range(20)]
    assert set(stored(lambda tx: tx.login_attempts.get([*keys, "user"]))) == {
        "user",
        "k16",
        "k17",
        "k18",
        "k19",
    }
