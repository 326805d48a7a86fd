"""Throttling of login attempts by username and address.

Three counts decide about an attempt:

- The count of the username at this address: after some wrong passwords each further one doubles a delay.
- The count of the username from everywhere, and the count of the address for all usernames: after many wrong
  passwords, attempts are admitted one after another at a slow pace.

A user who logged in from an address recently is known there. The pace of username and address does not apply
to known users, so that an attacker elsewhere cannot lock them out.

The first count is incremented before a plugin is asked, so that simultaneous attempts count as well, and
decremented if the password was right or the attempt was undecided. Only wrong passwords increment the other
counts, because many users behind one address may log in at the same time.
"""

from __future__ import annotations

import hashlib
import ipaddress
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Final

from plughub.domain.backoff import Backoff
from plughub.domain.ip_addresses import parse_address
from plughub.domain.timings import (
    FORGET_ADDRESS_SECONDS,
    FORGET_NAME_SECONDS,
    FORGET_PAIR_SECONDS,
    KNOWN_PAIR_SECONDS,
    LOGIN_TRY_SECONDS,
)

_PREFIX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLimits:
    """Limits for wrong passwords and delays.

    Attributes:
        tries: wrong passwords of one username from one address before delays begin.
        longest_pause: longest delay in seconds; 0 disables throttling.
        tries_of_name: wrong passwords of one username from everywhere before attempts are paced.
        tries_of_address: wrong passwords from one address for all usernames before attempts are paced.
    """

    tries: int = 5
    longest_pause: float = 300.0
    tries_of_name: int = 50
    tries_of_address: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """Stored count of a username, of an address, or of both together. Times are seconds since the epoch.

    Attributes:
        count: wrong passwords, decaying with time.
        at: time for which the count is exact.
        until: earliest time of the next attempt.
        turn: whether the next attempt is admitted regardless of the pace.
        known: time of the last login; 0 for none.
    """

    count: float = 0.0
    at: float = 0.0
    until: float = 0.0
    turn: bool = False
    known: float = 0.0

    def left(self, now: float, forget: float) -> float:
        """Return the decayed count.

        Args:
            now: the current time.
            forget: seconds in which the count decays by one.
        """
        return max(0.0, self.count - max(0.0, now - self.at) / forget)

    def counted(self, now: float, forget: float, by: float) -> AttemptRecord:
        """Return the record with a changed count.

        Args:
            now: the current time.
            forget: seconds in which the count decays by one.
            by: change of the count.
        """
        return replace(self, count=max(0.0, self.left(now, forget) + by), at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptKeys:
    """Keys of the counts of an attempt.

    Attributes:
        pair: key of username and address; empty without a username.
        name: key of the username; empty without a username.
        address: key of the address.
    """

    pair: str
    name: str
    address: str

    @property
    def all(self) -> tuple[str, ...]:
        """The non-empty keys, in the order in which every process locks them."""
        return tuple(sorted(filter(None, (self.pair, self.name, self.address))))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCounts:
    """Counts that decide about an attempt.

    Attributes:
        pair: count of the username at this address.
        name: count of the username from everywhere.
        address: count of the address.
    """

    pair: AttemptRecord = field(default_factory=AttemptRecord)
    name: AttemptRecord = field(default_factory=AttemptRecord)
    address: AttemptRecord = field(default_factory=AttemptRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Decision about an attempt.

    Attributes:
        wait: seconds until it may be repeated; 0 if it is admitted.
        counts: the counts to store.
    """

    wait: float
    counts: AttemptCounts


def keys_of(name: str, address: str) -> AttemptKeys:
    """Return the keys of an attempt: hashes, which have a fixed length.

    Args:
        name: normalised username; empty for a login without one.
        address: address of the browser; for IPv6 its network counts.
    """
    where = network_of(address)
    if not name:
        return AttemptKeys(pair="", name="", address=_hash("address", where))
    called = unicodedata.normalize("NFKC", name).casefold()
    return AttemptKeys(
        pair=_hash("pair", called, where), name=_hash("name", called), address=_hash("address", where)
    )


def network_of(address: str) -> str:
    """Return the /64 network of an IPv6 address, all of which one client may use; other texts unchanged."""
    found = parse_address(address)
    if found is None:
        return address
    if found.version == 4:  # noqa: PLR2004 - IPv4
        return str(found)
    return str(ipaddress.ip_network((int(found), _PREFIX), strict=False))


def pause_of(counts: AttemptCounts, limits: LoginLimits, now: float, *, named: bool) -> float:
    """Return the minimum delay of an attempt without changing any count.

    Args:
        counts: the stored counts.
        limits: the limits.
        now: the current time.
        named: whether the attempt has a username.

    Returns:
        Seconds; 0 if `decide` has to decide.
    """
    wait = max(0.0, (counts.pair if named else counts.address).until - now)
    if wait or not named or _is_exempt(counts, now):
        return wait
    # Turns are reserved at most one longest delay ahead, so that no flood of attempts blocks others longer.
    return limits.longest_pause if _slot(counts, now) - now > limits.longest_pause else 0.0


def decide(counts: AttemptCounts, limits: LoginLimits, now: float, *, named: bool) -> Decision:
    """Decide whether an attempt is admitted, and count it as a wrong password for now.

    Args:
        counts: the stored counts.
        limits: the limits.
        now: the current time.
        named: whether the attempt has a username.
    """
    wait = pause_of(counts, limits, now, named=named)
    if wait:
        return Decision(wait=wait, counts=counts)
    if not (named and _is_exempt(counts, now)):
        slot = _slot(counts, now)
        counts = replace(
            counts,
            name=_paced(counts.name, slot, now, FORGET_NAME_SECONDS, limits.tries_of_name),
            address=_paced(counts.address, slot, now, FORGET_ADDRESS_SECONDS, limits.tries_of_address),
        )
        if slot > now and named:
            pair = replace(counts.pair, until=slot, turn=True, at=counts.pair.at or now)
            return Decision(wait=slot - now, counts=replace(counts, pair=pair))
    pair = replace(counts.pair.counted(now, FORGET_PAIR_SECONDS, 1), turn=False)
    beyond = pair.count - limits.tries
    if beyond > 0:
        backoff = Backoff(LOGIN_TRY_SECONDS, limits.longest_pause)
        pair = replace(pair, until=now + backoff.after(beyond))
    return Decision(wait=0, counts=replace(counts, pair=pair))


def after_failure(counts: AttemptCounts, now: float) -> AttemptCounts:
    """Return the counts after a wrong password."""
    return replace(
        counts,
        name=counts.name.counted(now, FORGET_NAME_SECONDS, 1),
        address=counts.address.counted(now, FORGET_ADDRESS_SECONDS, 1),
    )


def after_success(counts: AttemptCounts, now: float) -> AttemptCounts:
    """Return the counts after a login: the count at this address is reset, and the user is known there."""
    return replace(counts, pair=AttemptRecord(at=now, known=now))


def without_result(counts: AttemptCounts, now: float) -> AttemptCounts:
    """Return the counts after an attempt without a result, which does not count."""
    return replace(counts, pair=replace(counts.pair.counted(now, FORGET_PAIR_SECONDS, -1), until=0.0))


def _paced(tries: AttemptRecord, slot: float, now: float, forget: float, free: int) -> AttemptRecord:
    """Postpone the next attempt beyond a slot if there were too many wrong passwords."""
    if tries.left(now, forget) < free:
        return tries
    return replace(tries, until=slot + LOGIN_TRY_SECONDS)


def _slot(counts: AttemptCounts, now: float) -> float:
    """Return the time of the next turn of username and address."""
    return max(now, counts.name.until, counts.address.until)


def _is_exempt(counts: AttemptCounts, now: float) -> bool:
    """Return whether the pace does not apply: a turn has come, or the user is known at the address."""
    known = counts.pair.known
    return counts.pair.turn or (bool(known) and now - known < KNOWN_PAIR_SECONDS)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
