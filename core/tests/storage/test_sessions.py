import pytest

from plughub.domain.declarations import Declarations
from plughub.domain.sessions import hash_session_key, short_address, short_agent
from plughub.services.coordination.hub_registry import HubRegistry
from plughub.services.settings import HubSettings
from plughub.services.users.configuration_sync import sync_configuration


def add(stored, key="session:a", name="alice", lasts=1000.0, **facts):
    def work(tx):
        user = tx.users.get(name) or tx.users.create(name)
        return tx.sessions.add(
            hash_session_key(key),
            user_id=user.id,
            session_id=f"of {key}",
            plugin="pam",
            authenticated_at=tx.now(),
            expires=tx.now() + lasts,
            **facts,
        )

    return stored(work)


def find(stored, key="session:a"):
    return stored(lambda tx: tx.sessions.find(hash_session_key(key)))


def test_a_session_is_found_by_its_key_until_it_expires(stored):
    session = add(stored)
    assert find(stored) == session
    assert find(stored, "session:b") is None
    add(stored, "session:b", lasts=-1.0)
    assert find(stored, "session:b") is None
    assert stored(lambda tx: tx.sessions.purge()) == 1
    assert find(stored) == session


def test_a_session_that_ends_invalidates_caches(stored):
    session = add(stored)
    stored(lambda tx: tx.sessions.end([session.id]))
    assert find(stored) is None
    news = [(topic, key) for _, topic, key in stored(lambda tx: tx.changes.since(0))]
    assert ("session", str(session.id)) in news


def test_an_ended_jupyterhub_session_is_never_adopted_again(stored):
    session = add(stored, taken_over=True)
    stored(lambda tx: tx.sessions.end([session.id]))
    assert find(stored) is None
    assert add(stored, taken_over=True) is None
    assert stored(lambda tx: tx.sessions.of_user(session.user_id)) == []


def test_sessions_end_with_their_user(stored):
    session = add(stored)
    stored(lambda tx: tx.user_list.delete(session.user_id))
    assert find(stored) is None


@pytest.mark.parametrize("roles", [(), ("user",)])
def test_sessions_of_blocked_users_end_when_the_hub_starts(stored, roles):
    session = add(stored)
    for role in {"user"} - set(roles):
        stored(lambda tx, role=role: tx.roles.revoke(role, "user", ["alice"]))
    before = stored(lambda tx: tx.users.get("alice"))
    stored(lambda tx: sync_configuration(tx, Declarations(blocked={"": {"alice"}})))
    assert find(stored) is None
    assert stored(lambda tx: tx.users.by_cookie_id(before.cookie_id)) is None
    assert ("session", str(session.id)) in [(t, k) for _, t, k in stored(lambda tx: tx.changes.since(0))]


def test_the_housekeeping_deletes_sessions_that_have_expired(stored):
    add(stored, lasts=-1.0, taken_over=True)
    add(stored, "session:b")
    settings = HubSettings(mark="m", hub_id="h", host="x")
    stored(HubRegistry(stored.store, settings, lambda _changes: None)._purge_records)
    assert stored(lambda tx: tx.sessions.purge()) == 0
    assert find(stored, "session:b")


def test_the_least_recently_used_sessions_are_in_excess(stored):
    ids = [add(stored, f"session:{n}").id for n in range(4)]
    stored(lambda tx: tx.sessions.touch({ids[0]: tx.now() + 60}))
    user = stored(lambda tx: tx.users.get("alice"))
    assert set(stored(lambda tx: tx.sessions.list_excess(user.id, 2))) == {ids[1], ids[2]}


def test_a_browser_is_named_as_its_user_knows_it():
    chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML) Chrome/130.0 Safari/537.36"
    assert short_agent(chrome) == "Chrome on Windows"
    assert short_agent(f"{chrome} Edg/130.0") == "Edge on Windows"
    assert short_agent("curl/8.5.0") == "curl"
    assert short_agent("x\n\0" * 1000) == "x" * 60
    assert short_agent("") == ""


def test_an_address_is_shortened_to_its_network():
    assert short_address("203.0.113.77") == "203.0.113.0/24"
    assert short_address("::ffff:203.0.113.77") == "203.0.113.0/24"
    assert short_address("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert short_address("unknown") == ""
