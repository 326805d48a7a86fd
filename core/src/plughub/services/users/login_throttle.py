"""Login throttle: delays after failed logins, shared by all hub processes."""

from __future__ import annotations

import math
from collections.abc import Callable

from plughub.domain.errors import TooManyError
from plughub.domain.login_throttle import (
    AttemptCounts,
    AttemptKeys,
    AttemptRecord,
    LoginLimits,
    after_failure,
    after_success,
    decide,
    keys_of,
    pause_of,
    without_result,
)
from plughub.domain.words import _
from plughub.storage.store import Store, Transaction


class LoginThrottle:
    """Admits or delays login attempts. Its state is stored in the database.

    Args:
        store: the storage.
        limits: free failed logins and delays.
    """

    def __init__(self, store: Store, limits: LoginLimits) -> None:
        self._store = store
        self._limits = limits

    async def check(self, name: str, address: str) -> AttemptKeys:
        """Refuse an attempt that must still wait, without a write to the database.

        Args:
            name: normalised name; empty for a login without one.
            address: address of the browser.

        Returns:
            Keys of the attempt, for `admit`.

        Raises:
            TooManyError: the attempt must wait; the message is for the user.
        """
        keys = keys_of(name, address)
        if self._limits.longest_pause and (wait := await self._store.read(lambda tx: self._pause(tx, keys))):
            raise too_many(wait)
        return keys

    async def admit(self, keys: AttemptKeys) -> None:
        """Admit an attempt, and count it as failed until its result is recorded.

        Raises:
            TooManyError: the attempt must wait; the message is for the user.
        """
        if not self._limits.longest_pause:
            return
        if wait := await self._store.write(lambda tx: self._decide(tx, keys)):
            raise too_many(wait)

    def record_success(self, tx: Transaction, keys: AttemptKeys) -> None:
        """Record that an attempt succeeded.

        Args:
            tx: the transaction that stores the login.
            keys: keys of the attempt.
        """
        self._change(tx, keys, after_success)

    async def record_failure(self, keys: AttemptKeys) -> None:
        """Record that an attempt failed: the password was wrong, or the login was refused."""
        await self._store.write(lambda tx: self._change(tx, keys, after_failure))

    async def record_no_result(self, keys: AttemptKeys) -> None:
        """Record that an attempt had no result."""
        await self._store.write(lambda tx: self._change(tx, keys, without_result))

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
    """Return the error for an attempt that must wait some seconds, with a message for the user."""
    seconds = math.ceil(wait)
    when = f"{seconds} second{'s' if seconds > 1 else ''}"
    if seconds > 120:  # noqa: PLR2004 - minutes read better
        when = f"{math.ceil(seconds / 60)} minutes"
    return TooManyError(_("Too many failed logins. Try again in %(when)s.", when=when), retry_after=seconds)


def _counts(found: dict[str, AttemptRecord], keys: AttemptKeys) -> AttemptCounts:
    return AttemptCounts(
        pair=found.get(keys.pair, AttemptRecord()),
        name=found.get(keys.name, AttemptRecord()),
        address=found.get(keys.address, AttemptRecord()),
    )


def _put(tx: Transaction, keys: AttemptKeys, counts: AttemptCounts) -> None:
    parts = {keys.pair: counts.pair, keys.name: counts.name, keys.address: counts.address}
    tx.login_attempts.put({key: tries for key, tries in parts.items() if key})
