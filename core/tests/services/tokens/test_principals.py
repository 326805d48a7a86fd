import time

from plughub.domain.timings import PRINCIPAL_TRUST_SECONDS
from plughub.domain.users import User
from plughub.services.tokens.principals import CACHE_SIZE, Principal, PrincipalCache

ALICE = Principal(owner=User(id=1, name="alice", cookie_id="c"))


def remembering():
    cache = PrincipalCache()
    cache.put("secret", ALICE, cache.version)
    return cache


def test_who_hears_nothing_of_other_processes_trusts_nothing_that_it_remembers():
    cache = remembering()
    cache.heard(time.monotonic() - PRINCIPAL_TRUST_SECONDS)
    assert cache.get("secret") is None
    cache.heard(time.monotonic())
    assert cache.get("secret") == ALICE


def test_where_nobody_is_listened_to_nobody_has_to_be_heard():
    assert remembering().get("secret") == ALICE


def test_what_is_remembered_never_grows_without_bound_and_what_is_used_stays():
    cache = remembering()
    for number in range(2 * CACHE_SIZE):
        cache.put(f"another {number}", ALICE, cache.version)
        assert cache.get("secret") == ALICE
    kept = sum(cache.get(f"another {number}") is not None for number in range(2 * CACHE_SIZE))
    assert kept == CACHE_SIZE - 1


def test_changes_do_not_make_the_principal_that_was_used_last_the_first_to_go():
    cache = remembering()
    for number in range(CACHE_SIZE - 1):
        cache.put(f"another {number}", ALICE, cache.version)
    assert cache.get("secret") == ALICE
    cache.changed([("user", "12345"), ("token", "12345"), ("session", "12345")])
    cache.put("one more", ALICE, cache.version)
    assert cache.get("secret") == ALICE
