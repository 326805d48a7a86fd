"""Live updates: tells open pages which topics have changed, each reader only what they may read.

A change is delivered through an index from what changed to the subscriptions that cover it, so its cost grows
with its readers and not with all users. Updates name topics and nothing else; pages then load themselves
again, with the checks of every request.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from plughub.domain.errors import ForbiddenError, HubError, TooManyError
from plughub.domain.scopes import ScopeCoverage, coverage_of
from plughub.domain.timings import LIVE_OVERLAP_SECONDS, LIVE_RECHECK_SECONDS, LIVE_RETRY_SECONDS
from plughub.storage.store import Store

MAX_PER_OWNER: Final = 20
"""Subscriptions of a user or service: browsers share one among all their tabs, except over plain http."""
REMEMBERED: Final = 5000
"""Changes that a resumed subscription may ask for."""
EVERYTHING: Final = "*"
"""Topic of a reader who may have missed any change, or whose permissions have changed."""
PUBLIC: Final = frozenset({"announcement"})
"""Topics for all readers."""
SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "server": ("read:servers", "access:servers"),
    "user": ("read:users", "list:users"),
    "group": ("read:groups", "list:groups"),
    "service": ("read:services", "list:services"),
    "role": ("read:roles",),
    "session": ("read:tokens",),
    "token": ("read:tokens",),
    "share": ("read:shares",),
    "audit": ("read:audit",),
}
"""Scopes of which one is needed for a topic."""
HUB_SCOPES: Final = ("read:hub",)
"""The same for all other topics, which concern the hub as a whole."""
ALL_SCOPES: Final = frozenset({*HUB_SCOPES, *(scope for scopes in SCOPES.values() for scope in scopes)})
_OF_USERS: Final = frozenset({"server", "user"})
"""Topics whose keys begin with the key of a user."""
_STALE_FOR_ALL: Final = frozenset({"role", "group", "service", "share"})
"""Topics that may change the permissions of any reader."""

Interest = tuple[str, str, int | str]
"""Topic, kind of filter, and its value, such as ``("server", "user", 3)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Authenticated owner of a subscription.

    Attributes:
        owner: unique name of the user or service.
        user_id: key of the user; 0 for a service.
        name: name of the user; empty for a service.
        groups: groups of the user.
        scopes: expanded scopes.
        session: key of the login session; 0 for a token.
        token: key of the token; 0 for a cookie.
    """

    owner: str
    user_id: int = 0
    name: str = ""
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    session: int = 0
    token: int = 0


class Subscription:
    """A reader and the topics that have changed since the last update.

    Attributes:
        reader: the reader.
        interests: what the reader may read.
        is_stale: the login or the permissions of the reader must be checked before an update is sent.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.interests: frozenset[Interest] = frozenset()
        self.is_stale = False
        self._is_expired = False
        self._checked_at = time.monotonic()
        self._topics: set[str] = set()
        self._updated = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def has_ended(self) -> bool:
        """True when the reader is gone, or this process shuts down."""
        return self._ended.is_set()

    def add(self, topic: str) -> None:
        """Add a topic to the next update."""
        self._topics.add(topic)
        self._updated.set()

    def expire(self) -> None:
        """Have the login checked now."""
        self.is_stale = self._is_expired = True
        self._updated.set()

    def end(self) -> None:
        """End the subscription."""
        self._ended.set()
        self._updated.set()

    async def pause(self, seconds: float) -> None:
        """Wait, so that changes are collected for the next update."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def next(self, seconds: float) -> frozenset[str]:
        """Wait for changed topics, at most for some seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._updated.wait()
        self._updated.clear()
        topics, self._topics = frozenset(self._topics), set()
        return topics

    def needs_check(self, topics: Collection[str]) -> bool:
        """Return whether the login must be checked before topics, or none, are sent.

        Without topics, permissions need no check: a change that concerns all users would otherwise
        authenticate all of them.
        """
        is_due = time.monotonic() - self._checked_at > LIVE_RECHECK_SECONDS
        return self._is_expired or is_due or (self.is_stale and bool(topics))

    def checked(self) -> None:
        """Record that the login was checked."""
        self.is_stale = self._is_expired = False
        self._checked_at = time.monotonic()


class LiveUpdates:
    """Delivers changes to subscriptions.

    Args:
        store: the storage.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._subscriptions: dict[Subscription, None] = {}
        self._index: defaultdict[Interest, set[Subscription]] = defaultdict(set)
        self._with_groups: Counter[str] = Counter()
        self._owners: Counter[str] = Counter()
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._recent: deque[tuple[float, str, str]] = deque(maxlen=REMEMBERED)
        self._complete_since = time.time()
        self._users_with_groups: set[tuple[str, int]] = set()
        self._task: asyncio.Task[None] | None = None
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._subscriptions)

    # ---- subscriptions

    async def subscribe(self, reader: Reader, *, limit: int) -> Subscription:
        """Subscribe a reader; `unsubscribe` must follow.

        Args:
            reader: the reader.
            limit: largest number of all subscriptions.

        Raises:
            ForbiddenError: the reader may read nothing that changes.
            TooManyError: there are too many subscriptions of this owner, or in all.
        """
        if not any(coverage_of(reader.scopes, scope) != ScopeCoverage() for scope in ALL_SCOPES):
            raise ForbiddenError(
                "Action is not authorized with current scopes; requires any of "
                f"[{', '.join(sorted(ALL_SCOPES))}]"
            )
        if self._owners[reader.owner] >= MAX_PER_OWNER or len(self) >= limit:
            raise TooManyError(
                "There are too many open pages for live updates.", retry_after=LIVE_RETRY_SECONDS
            )
        subscription = Subscription(reader)
        if self.is_closed:
            subscription.end()
        self._owners[reader.owner] += 1
        self._subscriptions[subscription] = None
        try:
            await self.renew(subscription, reader)
        except BaseException:
            self.unsubscribe(subscription)
            raise
        return subscription

    async def renew(self, subscription: Subscription, reader: Reader) -> None:
        """Adapt a subscription to the present permissions of its reader."""
        interests = await self._interests_of(reader)
        self._unindex(subscription)
        subscription.reader, subscription.interests = reader, interests
        for interest in interests:
            self._index[interest].add(subscription)
            self._with_groups[interest[0]] += interest[1] == "group"

    def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a subscription."""
        if subscription not in self._subscriptions:
            return
        del self._subscriptions[subscription]
        self._unindex(subscription)
        self._owners[subscription.reader.owner] -= 1
        if not self._owners[subscription.reader.owner]:
            del self._owners[subscription.reader.owner]

    def missed_topics(self, subscription: Subscription, since: float) -> frozenset[str]:
        """Return the topics that have changed since a time in seconds since the epoch."""
        since -= LIVE_OVERLAP_SECONDS
        forgotten = len(self._recent) == REMEMBERED and since < self._recent[0][0]
        if since < self._complete_since or forgotten:
            return frozenset({EVERYTHING})
        return frozenset(
            topic
            for at, topic, key in self._recent
            if at >= since and not subscription.interests.isdisjoint(_interests_in(topic, key))
        )

    def close(self) -> None:
        """End all subscriptions: this process shuts down."""
        self.is_closed = True
        for subscription in self._subscriptions:
            subscription.end()

    # ---- changes

    def changed(self, changes: Iterable[tuple[int, str, str]]) -> None:
        """Deliver changes, each with its number, topic and key; the same change may be reported twice."""
        now = time.time()
        for number, topic, key in changes:
            if number in self._seen:
                continue
            self._seen[number] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
            self._recent.append((now, topic, key))
            if self._subscriptions:
                self._deliver(topic, key)

    def changes_missed(self) -> None:
        """Report to all subscriptions that any change may have been missed."""
        self._complete_since = time.time()
        for subscription in self._subscriptions:
            subscription.add(EVERYTHING)
            subscription.expire()

    def _deliver(self, topic: str, key: str) -> None:
        for interest in _interests_in(topic, key):
            for subscription in self._index.get(interest, ()):
                subscription.add(topic)
        if topic in _STALE_FOR_ALL:
            for subscription in self._subscriptions:
                subscription.is_stale = True
        for subscription in self._index.get((topic, "login", key), ()):
            subscription.expire()
        if topic in _OF_USERS and key and self._with_groups[topic]:
            self._users_with_groups.add((topic, _user_in(key)))
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._deliver_to_groups(), name="live-updates-of-groups")

    async def _deliver_to_groups(self) -> None:
        """Deliver changes of users and servers to readers of the users' groups."""
        while self._users_with_groups:
            users, self._users_with_groups = self._users_with_groups, set()
            keys = {user for _, user in users}
            try:
                groups = await self._store.read(lambda tx, keys=keys: tx.change_readers.groups_of(keys))  # type: ignore[misc]
            except HubError:
                self.changes_missed()
                return
            for topic, user in users:
                for group in groups.get(user, ()):
                    for subscription in self._index.get((topic, "group", group), ()):
                        subscription.add(topic)

    # ---- interests

    def _unindex(self, subscription: Subscription) -> None:
        for interest in subscription.interests:
            self._index[interest].discard(subscription)
            self._with_groups[interest[0]] -= interest[1] == "group"
            if not self._index[interest]:
                del self._index[interest]
        subscription.interests = frozenset()

    async def _interests_of(self, reader: Reader) -> frozenset[Interest]:
        found = set(_interests_by_name(reader))
        users, servers = set[str](), set[str]()
        for topic in _OF_USERS:
            for scope in SCOPES[topic]:
                coverage = coverage_of(reader.scopes, scope)
                users |= coverage.users - {reader.name}
                servers |= coverage.servers
        if not users and not servers:
            return frozenset(found)
        user_ids, server_ids = await self._store.read(
            lambda tx: (tx.change_readers.user_ids(users), tx.change_readers.server_ids(servers))
        )
        # Whether a scope for a user is one for the topic matters little: an update says only that it changed.
        found |= {(topic, "user", key) for topic in _OF_USERS for key in user_ids}
        found |= {("server", "server", key) for key in server_ids}
        return frozenset(found)


def _interests_by_name(reader: Reader) -> Iterator[Interest]:
    """Yield the interests of a reader that need no query."""
    for topic in ("", *SCOPES):
        for scope in SCOPES.get(topic, HUB_SCOPES):
            yield from _interests_by_scope(topic, coverage_of(reader.scopes, scope), reader)
    yield from ((topic, "any", "") for topic in PUBLIC)
    yield from (("group", "group", group) for group in reader.groups)
    logins = {"user": reader.user_id, "session": reader.session, "token": reader.token}
    yield from ((topic, "login", str(key)) for topic, key in logins.items() if key)


def _interests_by_scope(topic: str, coverage: ScopeCoverage, reader: Reader) -> Iterator[Interest]:
    if coverage == ScopeCoverage():
        return
    yield topic, "any" if coverage.everything else "some", ""
    yield from ((topic, "group", group) for group in coverage.groups)
    yield from ((topic, "service", service) for service in coverage.services)
    if reader.name in coverage.users and topic in _OF_USERS:
        yield topic, "user", reader.user_id


def _interests_in(topic: str, key: str) -> Collection[Interest]:
    """Return the interests that a change concerns, except those in the groups of its user."""
    known = topic if topic in SCOPES or topic in PUBLIC else ""
    found: list[Interest] = [(known, "any", "")]
    if not key:  # any servers, or new users and groups, of which only those who read all learn
        return [*found, (topic, "some", "")] if topic == "server" else found
    if topic in _OF_USERS:
        found.append((topic, "user", _user_in(key)))
        server = key.partition("/")[2]
        if server:
            found.append((topic, "server", int(server)))
    elif topic in {"group", "service"}:
        found.append((topic, topic, key))
    return found


def _user_in(key: str) -> int:
    """Return the key of the user in the key of a change."""
    return int(key.partition("/")[0])
