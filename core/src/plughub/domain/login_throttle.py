"""How fast tries to log in are let through: pauses after wrong passwords, by name and by address.

Three counts decide about a try:

- that of the name from this address: after some wrong passwords each further one doubles a pause;
- that of the name from everywhere, and that of the address for all names: after many wrong passwords tries
  are let through at a slow pace, each in its turn.

A user who logged in from an address lately is known there: the pace of name and address does not hold for
them, so that a stranger elsewhere cannot keep them out.

The first count is raised before a plugin is asked, so that tries at the same moment count too, and lowered
again when the password was right or nothing was found out. The others are raised by wrong passwords alone:
many users behind one address may log in at the same moment.
"""

from __future__ import annotations

import hashlib
import ipaddress
import unicodedata
from dataclasses import dataclass, field, replace
from typing import Final

from plughub.domain.backoff import Backoff
from plughub.domain.ip_addresses import parse_address

SECONDS_PER_TRY: Final = 2.0
"""First pause of a name at an address; pace of a name or address: one try in so many seconds."""
FORGET_PAIR: Final = 600.0
FORGET_NAME: Final = 60.0
FORGET_ADDRESS: Final = 10.0
"""Seconds after which a count is one lower."""
KNOWN_SECONDS: Final = 30 * 86_400.0
FORGOTTEN_SECONDS: Final = 86_400.0
"""Seconds after which a count that did not change is of no use any more."""
_PREFIX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLimits:
    """How many wrong passwords are free, and how long pauses grow.

    Attributes:
        tries: wrong passwords of one name from one address before pauses begin.
        longest_pause: of them, in seconds; 0 for no pauses and no pace at all.
        tries_of_name: wrong passwords of one name from everywhere before the pace holds.
        tries_of_address: wrong passwords of one address, whatever the names, before the pace holds.
    """

    tries: int = 5
    longest_pause: float = 300.0
    tries_of_name: int = 50
    tries_of_address: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """What is remembered of a name, an address, or both together. Times are seconds since the epoch.

    Attributes:
        count: wrong passwords; it sinks with time.
        at: when that was the count.
        until: no try before.
        turn: the next try is let through though the pace of name or address holds.
        known: when somebody logged in; 0 for never.
    """

    count: float = 0.0
    at: float = 0.0
    until: float = 0.0
    turn: bool = False
    known: float = 0.0

    def left(self, now: float, forget: float) -> float:
        """Give the count as it is now.

        Args:
            now: the time.
            forget: seconds after which it is one lower.

        Returns:
            The count.
        """
        return max(0.0, self.count - max(0.0, now - self.at) / forget)

    def counted(self, now: float, forget: float, by: float) -> AttemptRecord:
        """Raise or lower the count.

        Args:
            now: the time.
            forget: seconds after which it is one lower.
            by: how much.

        Returns:
            The changed record.
        """
        return replace(self, count=max(0.0, self.left(now, forget) + by), at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptKeys:
    """Under which keys the counts of a try stand.

    Attributes:
        pair: name and address; empty when no name was sent.
        name: the name; empty when none was sent.
        address: the address.
    """

    pair: str
    name: str
    address: str

    @property
    def all(self) -> tuple[str, ...]:
        """Those that are there, in the order in which every process locks them."""
        return tuple(sorted(filter(None, (self.pair, self.name, self.address))))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCounts:
    """The counts that decide about a try.

    Attributes:
        pair: of the name from this address.
        name: of the name from everywhere.
        address: of the address.
    """

    pair: AttemptRecord = field(default_factory=AttemptRecord)
    name: AttemptRecord = field(default_factory=AttemptRecord)
    address: AttemptRecord = field(default_factory=AttemptRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is decided about a try.

    Attributes:
        wait: seconds after which it may come again; 0 when it is let through.
        counts: what is to be remembered.
    """

    wait: float
    counts: AttemptCounts


def keys_of(name: str, address: str) -> AttemptKeys:
    """Give the keys of a try: hashes, so that they have one length whatever was typed.

    Args:
        name: normalised name; empty for a login without one.
        address: of the browser; of one with IPv6 the network counts.

    Returns:
        The keys.
    """
    where = network_of(address)
    if not name:
        return AttemptKeys(pair="", name="", address=_hash("address", where))
    called = unicodedata.normalize("NFKC", name).casefold()
    return AttemptKeys(
        pair=_hash("pair", called, where), name=_hash("name", called), address=_hash("address", where)
    )


def network_of(address: str) -> str:
    """Give what one party can have many addresses of: the /64 of IPv6.

    Args:
        address: of a browser.

    Returns:
        The address or its network; what is no address as it is.
    """
    found = parse_address(address)
    if found is None:
        return address
    if found.version == 4:  # noqa: PLR2004 - IPv4
        return str(found)
    return str(ipaddress.ip_network((int(found), _PREFIX), strict=False))


def pause_of(counts: AttemptCounts, limits: LoginLimits, now: float, *, named: bool) -> float:
    """Tell how long a try has to wait whatever else is decided; asking changes nothing.

    Args:
        counts: what is remembered.
        limits: how long the pauses are.
        now: the time.
        named: a name was sent.

    Returns:
        Seconds; 0 for a try about which `decide` has to be asked.
    """
    wait = max(0.0, (counts.pair if named else counts.address).until - now)
    if wait or not named or _is_exempt(counts, now):
        return wait
    # Turns are given for as long ahead as the longest pause: no flood of tries keeps others out for longer.
    return limits.longest_pause if _slot(counts, now) - now > limits.longest_pause else 0.0


def decide(counts: AttemptCounts, limits: LoginLimits, now: float, *, named: bool) -> Decision:
    """Decide whether a try is let through, and count it as a wrong one of this name at this address for now.

    Args:
        counts: what is remembered.
        limits: how many are free.
        now: the time.
        named: a name was sent.

    Returns:
        The decision.
    """
    wait = pause_of(counts, limits, now, named=named)
    if wait:
        return Decision(wait=wait, counts=counts)
    if not (named and _is_exempt(counts, now)):
        slot = _slot(counts, now)
        counts = replace(
            counts,
            name=_paced(counts.name, slot, now, FORGET_NAME, limits.tries_of_name),
            address=_paced(counts.address, slot, now, FORGET_ADDRESS, limits.tries_of_address),
        )
        if slot > now and named:
            pair = replace(counts.pair, until=slot, turn=True, at=counts.pair.at or now)
            return Decision(wait=slot - now, counts=replace(counts, pair=pair))
    pair = replace(counts.pair.counted(now, FORGET_PAIR, 1), turn=False)
    beyond = pair.count - limits.tries
    if beyond > 0:
        backoff = Backoff(SECONDS_PER_TRY, limits.longest_pause)
        pair = replace(pair, until=now + backoff.after(beyond))
    return Decision(wait=0, counts=replace(counts, pair=pair))


def wrong(counts: AttemptCounts, now: float) -> AttemptCounts:
    """Note that the password of a try was wrong.

    Args:
        counts: what is remembered.
        now: the time.

    Returns:
        What is to be remembered.
    """
    return replace(
        counts,
        name=counts.name.counted(now, FORGET_NAME, 1),
        address=counts.address.counted(now, FORGET_ADDRESS, 1),
    )


def right(counts: AttemptCounts, now: float) -> AttemptCounts:
    """Note that the password of a try was right: the name begins again at this address, and is known there.

    Args:
        counts: what is remembered.
        now: the time.

    Returns:
        What is to be remembered.
    """
    return replace(counts, pair=AttemptRecord(at=now, known=now))


def undecided(counts: AttemptCounts, now: float) -> AttemptCounts:
    """Note that nothing could be found out about a try: it does not count.

    Args:
        counts: what is remembered.
        now: the time.

    Returns:
        What is to be remembered.
    """
    return replace(counts, pair=replace(counts.pair.counted(now, FORGET_PAIR, -1), until=0.0))


def _paced(tries: AttemptRecord, slot: float, now: float, forget: float, free: int) -> AttemptRecord:
    """Let the next try wait until a slot is over, where too many were wrong."""
    if tries.left(now, forget) < free:
        return tries
    return replace(tries, until=slot + SECONDS_PER_TRY)


def _slot(counts: AttemptCounts, now: float) -> float:
    """Give the time of the next turn of name and address."""
    return max(now, counts.name.until, counts.address.until)


def _is_exempt(counts: AttemptCounts, now: float) -> bool:
    """Tell whether the pace does not hold: a turn has come, or the user is known at the address."""
    known = counts.pair.known
    return counts.pair.turn or (bool(known) and now - known < KNOWN_SECONDS)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
