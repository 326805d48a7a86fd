"""Live updates as server-sent events: which topics have changed for the reader."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Collection

from tornado.iostream import StreamClosedError

from plughub.domain.errors import InvalidError
from plughub.domain.timings import LIVE_GATHER_SECONDS, LIVE_KEEPALIVE_SECONDS
from plughub.services.coordination.live_updates import EVERYTHING, LiveUpdates, Reader, Subscription
from plughub.services.tokens.principals import Principal
from plughub.web.api.event_streams import EventStreamHandler
from plughub.web.authorization import requires
from plughub.web.bodies import NUMBER
from plughub.web.description import call


class EventsHandler(EventStreamHandler):
    """``/hub/api/events``: a stream of the topics that have changed.

    Each event is a JSON object: ``topics`` are the topics of the change feed that have changed since the last
    event, such as ``server``, or ``*`` if any may have; ``at`` is the time of the hub in seconds since the
    epoch, for ``since`` of the next request. Readers learn nothing else, and load what they show again.
    """

    _subscription: Subscription | None = None

    @call(errors=(400, 429), query={"since": NUMBER, "once": NUMBER})
    @requires()
    async def get(self) -> None:
        """Stream the topics that change; ``once`` ends the stream after the first event."""
        since = self._seconds("since")
        limit = self.context.options.max_connections // 2
        updates = self.services.live_updates
        self._subscription = subscription = await updates.subscribe(reader_of(self.visitor), limit=limit)
        try:
            self.begin_events()
            with contextlib.suppress(StreamClosedError):
                missed = updates.missed_topics(subscription, since) if since else frozenset()
                await self._send(missed)
                if not self.get_argument("once", ""):
                    await self._stream(updates, subscription)
        finally:
            updates.unsubscribe(subscription)

    def on_connection_close(self) -> None:
        """End the stream of a client that has disconnected."""
        super().on_connection_close()
        if self._subscription is not None:
            self._subscription.end()

    def _seconds(self, name: str) -> float:
        text = self.get_argument(name, "") or "0"
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds):
            raise InvalidError(f"{name} must be a number of seconds since the epoch")
        return seconds

    async def _stream(self, updates: LiveUpdates, subscription: Subscription) -> None:
        while True:
            topics = await subscription.next(LIVE_KEEPALIVE_SECONDS)
            if subscription.has_ended:
                return
            if subscription.needs_check(topics):
                reader = await self._current_reader()
                if reader is None:
                    return
                subscription.checked()
                if reader != subscription.reader:
                    await updates.renew(subscription, reader)
                    topics = frozenset({EVERYTHING})
            if topics:
                await self._send(topics)
                await subscription.pause(LIVE_GATHER_SECONDS)
            else:
                await self.keep_alive()

    async def _send(self, topics: Collection[str]) -> None:
        await self.send_event({"topics": sorted(topics), "at": round(time.time(), 3)})

    async def _current_reader(self) -> Reader | None:
        """Authenticate again, without counting it as activity; None if the login has ended."""
        before = self.visitor
        if before.by_token:
            token = self.request.headers.get("Authorization", "").split()[-1]
            principal = await self.services.tokens.authenticate(token)
        else:
            cookie = self.cookie_jar.login()
            principal = (
                None if cookie is None else await self.services.sessions.principal(cookie, self.client)
            )
        return None if principal is None or principal.owner.id != before.owner.id else reader_of(principal)


def reader_of(principal: Principal) -> Reader:
    """Return the reader of live updates behind a principal."""
    user = principal.user if principal.is_user else None
    return Reader(
        owner=principal.qualified_name,
        user_id=user.id if user else 0,
        name=user.name if user else "",
        groups=frozenset(user.groups) if user else frozenset(),
        scopes=principal.scopes,
        session=principal.session.id if principal.session else 0,
        token=principal.token_key or 0,
    )
