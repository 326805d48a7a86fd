def test_one_process_holds_a_lease_until_it_expires_or_is_released(stored):
    assert stored(lambda tx: tx.leases.acquire("poll", "one", 10))
    assert stored(lambda tx: tx.leases.acquire("poll", "one", 10))
    assert not stored(lambda tx: tx.leases.acquire("poll", "two", 10))
    stored(lambda tx: tx.leases.release("one"))
    assert stored(lambda tx: tx.leases.acquire("poll", "two", -1))
    assert stored(lambda tx: tx.leases.acquire("poll", "three", 10))
    assert stored(lambda tx: tx.leases.holders()) == {"poll": "three"}


def test_a_process_that_leaves_is_not_listed(stored):
    stored(lambda tx: tx.hub_processes.join("one", host="h", pid=1, birth=2.0, url="http://x"))
    assert [hub.pid for hub in stored(lambda tx: tx.hub_processes.list())] == [1]
    stored(lambda tx: tx.hub_processes.leave("one"))
    assert stored(lambda tx: tx.hub_processes.list()) == []


def test_a_login_link_works_once_and_expires(stored):
    stored(lambda tx: tx.login_links.add("h", "alice", admin=True, expires_at=tx.now() + 10))
    assert stored(lambda tx: tx.login_links.take("h")) == ("alice", True)
    assert stored(lambda tx: tx.login_links.take("h")) is None
    stored(lambda tx: tx.login_links.add("h", "alice", admin=True, expires_at=tx.now() - 1))
    assert stored(lambda tx: tx.login_links.take("h")) is None


def test_the_first_default_of_a_setting_wins(stored):
    assert stored(lambda tx: tx.settings.set_default("mark", "a")) == "a"
    assert stored(lambda tx: tx.settings.set_default("mark", "b")) == "a"
    stored(lambda tx: tx.settings.set("mark", {"x": [1]}))
    assert stored(lambda tx: tx.settings.get("mark")) == {"x": [1]}
    assert stored(lambda tx: tx.settings.get("other")) is None
