import time

from plughub.domain.timings import PRINCIPAL_TRUST_SECONDS
from plughub.domain.users import User
from plughub.services.tokens.principals import CACHE_SIZE, Principal, PrincipalCache

ALICE = Principal(owner=User(id=1, name="alice", cookie_id="c"))


def remembering():
    cache = PrincipalCache()
    cache.put("secret", ALICE, cache.version)
    return cache


def test_cached_principals_expire_without_news_from_other_processes():
    cache = remembering()
    cache.mark_current(time.monotonic() - PRINCIPAL_TRUST_SECONDS)
    assert cache.get("secret") is None
    cache.mark_current(time.monotonic())
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


def test_invalidation_does_not_change_the_order_of_eviction():
    cache = remembering()
    for number in range(CACHE_SIZE - 1):
        cache.put(f"another {number}", ALICE, cache.version)
    assert cache.get("secret") == ALICE
    cache.changed([("user", "12345"), ("token", "12345"), ("session", "12345")])
    cache.put("one more", ALICE, cache.version)
    assert cache.get("secret") == ALICE
