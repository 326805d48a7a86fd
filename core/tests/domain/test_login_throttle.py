"""Delays after wrong passwords, with the test's own clock."""

from __future__ import annotations

import functools

import pytest

from plughub.domain.login_throttle import (
    AttemptCounts,
    AttemptRecord,
    LoginLimits,
    after_failure,
    after_success,
    decide,
    without_result,
)
from plughub.domain.login_throttle import keys_of as computed_keys
from plughub.domain.rate_limit import RateLimit
from plughub.domain.timings import KNOWN_PAIR_SECONDS, LOGIN_TRY_SECONDS

START = 1_000_000.0
LIMITS = LoginLimits()
keys_of = functools.cache(computed_keys)  # some tests make a quarter of a million attempts


class CountedLogins:
    """Stores the counts, like the database."""

    def __init__(self) -> None:
        self.known: dict[str, AttemptRecord] = {}
        self.now = START

    def attempt(self, name: str, address: str, *, good: bool | None = False) -> float:
        """Try to log in; return the seconds to wait, 0 if the attempt was admitted."""
        keys = keys_of(name, address)
        decision = decide(self.counts(name, address), LIMITS, self.now, named=bool(name))
        counts = decision.counts
        if not decision.wait:
            outcome = {True: after_success, False: after_failure, None: without_result}[good]
            counts = outcome(counts, self.now)
        self.known |= {keys.pair: counts.pair, keys.name: counts.name, keys.address: counts.address}
        self.known.pop("", None)
        return decision.wait

    def counts(self, name: str, address: str) -> AttemptCounts:
        keys = keys_of(name, address)
        return AttemptCounts(
            pair=self.known.get(keys.pair, AttemptRecord()),
            name=self.known.get(keys.name, AttemptRecord()),
            address=self.known.get(keys.address, AttemptRecord()),
        )

    def guess_for(self, seconds: float, name: str, *addresses: str) -> int:
        """Guess as fast as possible; return the number of guesses that reached a plugin."""
        through, end = 0, self.now + seconds
        while self.now < end:
            through += sum(not self.attempt(name, address) for address in addresses)
            self.now += 0.5
        return through


@pytest.fixture
def logins() -> CountedLogins:
    return CountedLogins()


def test_some_mistakes_are_free_and_further_ones_double_a_pause(logins) -> None:
    for _ in range(LIMITS.tries):
        assert logins.attempt("alice", "192.0.2.1") == 0
    waits = []
    for _ in range(10):
        assert logins.attempt("alice", "192.0.2.1") == 0
        waits.append(logins.attempt("alice", "192.0.2.1"))
        logins.now += waits[-1]
    assert waits[:5] == pytest.approx([2, 4, 8, 16, 32], rel=0.1)
    assert waits == sorted(waits)
    assert max(waits) <= LIMITS.longest_pause < 1.5 * waits[-1]


def test_an_hour_of_guessing_from_one_address_allows_about_twenty_guesses(logins) -> None:
    assert logins.guess_for(3600, "alice", "192.0.2.1") < 25


def test_the_right_password_ends_the_pauses_at_that_address(logins) -> None:
    for _ in range(LIMITS.tries + 1):
        logins.attempt("alice", "192.0.2.1")
    logins.now += LOGIN_TRY_SECONDS
    assert logins.attempt("alice", "192.0.2.1", good=True) == 0
    assert [logins.attempt("alice", "192.0.2.1") for _ in range(LIMITS.tries)] == [0] * LIMITS.tries


def test_an_attacker_elsewhere_cannot_lock_out_a_known_user(logins) -> None:
    assert logins.attempt("alice", "198.51.100.7", good=True) == 0
    logins.guess_for(600, "alice", *(f"192.0.2.{number}" for number in range(100)))
    assert logins.attempt("alice", "198.51.100.7", good=True) == 0
    logins.now += KNOWN_PAIR_SECONDS
    assert not logins.counts("alice", "198.51.100.7").pair.until


def test_under_attack_a_new_address_is_admitted_at_its_turn(logins) -> None:
    attackers = [f"192.0.2.{number}" for number in range(100)]
    logins.guess_for(60, "alice", *attackers)
    wait = logins.attempt("alice", "198.51.100.7", good=True)
    assert 0 < wait <= LOGIN_TRY_SECONDS * (len(attackers) + 1)
    logins.guess_for(wait, "alice", *attackers)
    assert logins.attempt("alice", "198.51.100.7", good=True) == 0


def test_many_addresses_together_guess_at_the_pace_of_the_name(logins) -> None:
    attackers = [f"192.0.2.{number}" for number in range(200)]
    through = logins.guess_for(600, "alice", *attackers)
    assert through < LIMITS.tries_of_name + 600 / LOGIN_TRY_SECONDS + len(attackers)


def test_a_classroom_behind_one_address_may_mistype_at_once(logins) -> None:
    students = [f"student{number}" for number in range(60)]
    for name in students:
        logins.attempt(name, "192.0.2.1")
    assert all(logins.attempt(name, "192.0.2.1", good=True) == 0 for name in students)


def test_a_class_that_mistypes_three_times_is_logged_in_after_some_minutes(logins) -> None:
    students = [f"student{number}" for number in range(60)]
    todo = dict.fromkeys(students, 3)
    due = dict.fromkeys(students, START)
    while todo and logins.now < START + 300:
        for name in [name for name in todo if due[name] <= logins.now]:
            wait = logins.attempt(name, "192.0.2.1", good=todo[name] == 0)
            due[name] = logins.now + wait
            if not wait:
                todo[name] -= 1
                if todo[name] < 0:
                    del todo[name]
        logins.now += 1
    assert not todo
    # the next day all of them are known there, although an attacker among them guesses other names
    for number in range(150):
        logins.attempt(f"nobody{number}", "192.0.2.1")
    assert all(logins.attempt(name, "192.0.2.1", good=True) == 0 for name in students)


def test_one_address_that_tries_many_names_is_slowed_down(logins) -> None:
    through = 0
    for number in range(2000):
        through += not logins.attempt(f"user{number}", "192.0.2.1")
        logins.now += 0.1
    assert through < LIMITS.tries_of_address + 200 / LOGIN_TRY_SECONDS + 2


@pytest.mark.parametrize("from_everywhere", [True, False])
def test_a_flood_of_attempts_locks_users_out_for_at_most_the_longest_delay(logins, from_everywhere) -> None:
    for _ in range(3 * LIMITS.tries_of_address):  # at the same moment, so that many are admitted
        keys = keys_of("alice", "192.0.2.1")
        for key in (keys.name, keys.address):
            logins.known[key] = after_failure(logins.counts("alice", "192.0.2.1"), logins.now).name
    for number in range(6000):
        stranger = ("alice", f"2001:db8:{number:x}::1") if from_everywhere else (f"u{number}", "192.0.2.1")
        logins.attempt(*stranger)
        logins.now += 0.02
    noted = sum(tries != AttemptRecord() for tries in logins.known.values())
    assert (
        noted < (LIMITS.longest_pause + 6000 * 0.02) / LOGIN_TRY_SECONDS * 2 + 10
    )  # a flood does not fill the table
    victim = ("alice", "198.51.100.7") if from_everywhere else ("bob", "192.0.2.1")
    assert logins.attempt(*victim, good=True) == pytest.approx(LIMITS.longest_pause, abs=LOGIN_TRY_SECONDS)
    logins.now += LIMITS.longest_pause + 2 * LOGIN_TRY_SECONDS
    assert logins.attempt(*victim, good=True) == 0


def test_tries_without_a_name_count_for_the_address_alone(logins) -> None:
    through = 0
    for _ in range(1000):
        through += not logins.attempt("", "192.0.2.1")
        logins.now += 0.1
    assert LIMITS.tries_of_address <= through < LIMITS.tries_of_address + 100 / LOGIN_TRY_SECONDS + 20
    assert logins.attempt("", "198.51.100.7") == 0


def test_attempts_without_a_result_do_not_count(logins) -> None:
    assert all(logins.attempt("alice", "192.0.2.1", good=None) == 0 for _ in range(200))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_addresses_of_one_network_count_as_one(one, other, same) -> None:
    assert (keys_of("alice", one).address == keys_of("bob", other).address) is same


def test_other_spellings_of_a_name_are_the_same_name_and_keys_have_one_length() -> None:
    assert keys_of("Ａlice", "").name == keys_of("alice", "").name
    assert {len(key) for key in keys_of("x" * 10_000, "y" * 10_000).all} == {64}


def test_a_ceiling_counts_for_each_and_for_all_and_begins_again() -> None:
    ceiling = RateLimit(each=2, total=5)
    assert [ceiling.take("a", 0) for _ in range(3)] == [True, True, False]
    assert [ceiling.take("a", 60) for _ in range(3)] == [True, True, False]
    assert [ceiling.take(key, 61) for key in "bcd"] == [True, False, False]
    assert ceiling.reached
    assert ceiling.take("b", 3600)


def test_concurrent_right_passwords_cause_no_delays(logins) -> None:
    names = [f"student{number}" for number in range(500)]
    assert all(
        decide(logins.counts(name, "192.0.2.1"), LIMITS, logins.now, named=True).wait == 0 for name in names
    )
    assert all(logins.attempt(name, "192.0.2.1", good=True) == 0 for name in names)
