from plughub.domain.login_pace import Tries


def test_counts_are_kept_and_forgotten(stored) -> None:
    assert stored(lambda tx: tx.login_tries.get(["a", "b"])) == {}
    assert stored(lambda tx: tx.login_tries.lock(["b", "a"])) == {"a": Tries(), "b": Tries()}
    kept = {"a": Tries(count=2.5, at=10, until=12, turn=True), "b": Tries(at=10, known=10)}
    stored(lambda tx: tx.login_tries.put(kept))
    assert stored(lambda tx: tx.login_tries.get(["a", "b", "c"])) == kept
    stored(lambda tx: tx.login_tries.purge(11, 5, 100))
    assert stored(lambda tx: tx.login_tries.get(["a", "b"])) == {"b": kept["b"]}


def test_rows_have_a_bound_and_those_of_users_go_last(stored) -> None:
    stored(lambda tx: tx.login_tries.put({f"k{n}": Tries(at=100 + n) for n in range(20)}))
    stored(lambda tx: tx.login_tries.put({"user": Tries(at=1, known=1)}))
    stored(lambda tx: tx.login_tries.purge(0, 0, 5))
    keys = [f"k{n}" for n in range(20)]
    assert set(stored(lambda tx: tx.login_tries.get([*keys, "user"]))) == {"user", "k16", "k17", "k18", "k19"}
