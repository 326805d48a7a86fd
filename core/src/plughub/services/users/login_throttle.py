"""Pauses after wrong passwords, for all processes of the hub together."""

from __future__ import annotations

import math
from collections.abc import Callable

from plughub.domain.errors import TooManyError
from plughub.domain.login_throttle import (
    AttemptCounts,
    AttemptKeys,
    AttemptRecord,
    LoginLimits,
    decide,
    keys_of,
    pause_of,
    right,
    undecided,
    wrong,
)
from plughub.storage.store import Store, Transaction


class LoginThrottle:
    """Lets tries to log in through, or has them wait. What it knows stands in the database.

    Args:
        store: the storage.
        limits: how many wrong passwords are free.
    """

    def __init__(self, store: Store, limits: LoginLimits) -> None:
        self._store = store
        self._limits = limits

    async def look(self, name: str, address: str) -> AttemptKeys:
        """Refuse a try whose pause is not over: most are refused here, without a write.

        Args:
            name: normalised name; empty for a login without one.
            address: of the browser.

        Returns:
            What `admit` takes.

        Raises:
            TooManyError: it has to wait; the message is for the person.
        """
        keys = keys_of(name, address)
        if self._limits.longest_pause and (wait := await self._store.read(lambda tx: self._pause(tx, keys))):
            raise too_many(wait)
        return keys

    async def admit(self, keys: AttemptKeys) -> None:
        """Let a try through, and count it as a wrong one until more is known.

        Args:
            keys: of the try; `right` or `undecided` takes them when more is known.

        Raises:
            TooManyError: it has to wait; the message is for the person.
        """
        if not self._limits.longest_pause:
            return
        if wait := await self._store.write(lambda tx: self._decide(tx, keys)):
            raise too_many(wait)

    def right(self, tx: Transaction, keys: AttemptKeys) -> None:
        """Note that the password of a try was right.

        Args:
            tx: the transaction that stores the login.
            keys: of the try.
        """
        self._change(tx, keys, right)

    async def wrong(self, keys: AttemptKeys) -> None:
        """Note that the password of a try was wrong, or that somebody refused.

        Args:
            keys: of the try.
        """
        await self._store.write(lambda tx: self._change(tx, keys, wrong))

    async def undecided(self, keys: AttemptKeys) -> None:
        """Note that nothing could be found out about a try.

        Args:
            keys: of the try.
        """
        await self._store.write(lambda tx: self._change(tx, keys, undecided))

    def _change(
        self, tx: Transaction, keys: AttemptKeys, change: Callable[[AttemptCounts, float], AttemptCounts]
    ) -> None:
        if self._limits.longest_pause:
            _put(tx, keys, change(_counts(tx.login_attempts.lock(keys.all), keys), tx.now()))

    def _pause(self, tx: Transaction, keys: AttemptKeys) -> float:
        counts = _counts(tx.login_attempts.get(keys.all), keys)
        return pause_of(counts, self._limits, tx.now(), named=bool(keys.name))

    def _decide(self, tx: Transaction, keys: AttemptKeys) -> float:
        counts = _counts(tx.login_attempts.lock(keys.all), keys)
        decision = decide(counts, self._limits, tx.now(), named=bool(keys.name))
        if decision.counts != counts:
            _put(tx, keys, decision.counts)
        return decision.wait


def too_many(wait: float) -> TooManyError:
    """Say that a try has to wait.

    Args:
        wait: seconds.

    Returns:
        The error, for the person who logs in.
    """
    seconds = math.ceil(wait)
    when = f"{seconds} second{'s' if seconds > 1 else ''}"
    if seconds > 120:  # noqa: PLR2004 - minutes read better
        when = f"{math.ceil(seconds / 60)} minutes"
    return TooManyError(f"Too many failed logins. Try again in {when}.", retry_after=seconds)


def _counts(found: dict[str, AttemptRecord], keys: AttemptKeys) -> AttemptCounts:
    return AttemptCounts(
        pair=found.get(keys.pair, AttemptRecord()),
        name=found.get(keys.name, AttemptRecord()),
        address=found.get(keys.address, AttemptRecord()),
    )


def _put(tx: Transaction, keys: AttemptKeys, counts: AttemptCounts) -> None:
    parts = {keys.pair: counts.pair, keys.name: counts.name, keys.address: counts.address}
    tx.login_attempts.put({key: tries for key, tries in parts.items() if key})
