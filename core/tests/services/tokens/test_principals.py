import time

from plughub.domain.activity_snapshot import ActivitySnapshot
from plughub.domain.timings import CHANGE_FEED_TRUST_SECONDS
from plughub.domain.users import User
from plughub.services.coordination.change_feed import ChangeFeed
from plughub.services.tokens.principals import CACHE_SIZE, Principal, PrincipalCache

ALICE = Principal(owner=User(id=1, name="alice", cookie_id="c"))


NOTHING_OPEN = ActivitySnapshot(
    open_operations=0,
    has_unclaimed=False,
    last_done=0,
    hubs=1,
    last_hub_started=0,
    pending_deletions=0,
    at=0,
)


def remembering(change_feed=None):
    cache = PrincipalCache(change_feed or ChangeFeed())
    cache.put("secret", ALICE, cache.version)
    return cache


def test_cached_principals_expire_without_news_from_other_processes():
    change_feed = ChangeFeed()
    cache = remembering(change_feed)
    change_feed.update(NOTHING_OPEN, time.monotonic() - CHANGE_FEED_TRUST_SECONDS)
    assert cache.get("secret") is None
    change_feed.update(NOTHING_OPEN, time.monotonic())
    assert cache.get("secret") == ALICE


def test_a_single_process_needs_no_news():
    assert remembering().get("secret") == ALICE


def test_the_cache_is_bounded_and_keeps_used_entries():
    cache = remembering()
    for number in range(2 * CACHE_SIZE):
        cache.put(f"another {number}", ALICE, cache.version)
        assert cache.get("secret") == ALICE
    kept = sum(cache.get(f"another {number}") is not None for number in range(2 * CACHE_SIZE))
    assert kept == CACHE_SIZE - 1


def test_changes_of_servers_leave_the_cache_unchanged():
    cache = remembering()
    version = cache.version
    cache.changed([(1, "server", "12345/6"), (2, "announcement", ""), (3, "user", "")])
    cache.put("read before the change", ALICE, version)
    assert cache.get("secret") == cache.get("read before the change") == ALICE


def test_invalidation_does_not_change_the_order_of_eviction():
    cache = remembering()
    for number in range(CACHE_SIZE - 1):
        cache.put(f"another {number}", ALICE, cache.version)
    assert cache.get("secret") == ALICE
    cache.changed([(1, "user", "12345"), (2, "token", "12345"), (3, "session", "12345")])
    cache.put("one more", ALICE, cache.version)
    assert cache.get("secret") == ALICE
