"""The contract of plugins that listen to events (`hub_event`)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from plughub.kinds import Event, EventKind
from plughub.testing.contracts.calls import NAME, ODD_TEXTS, PluginCalls, PluginFixtures

MANY = 200


class ListenerContract(PluginFixtures):
    """Tests for a listener. Subclasses provide the fixture `plugin`."""

    @pytest.mark.parametrize("kind", EventKind)
    async def test_every_kind_of_event_is_accepted(self, calls: PluginCalls, kind: EventKind) -> None:
        await calls.hooks.event(_event(kind), NAME)
        await calls.hooks.event(_event(kind, server="", detail={"message": None, "names": ["a", "b"]}), NAME)
        assert not calls.failed, "see the log"

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_odd_names_and_details_cause_no_error(self, calls: PluginCalls, text: str) -> None:
        await calls.hooks.event(_event(EventKind.LOGIN_REFUSED, user=text, detail={"name": text}), NAME)
        assert not calls.failed, "see the log"

    async def test_many_events_at_once_are_accepted(self, calls: PluginCalls) -> None:
        events = [_event(EventKind.LOGIN, user=f"user-{number}") for number in range(MANY)]
        await asyncio.gather(*(calls.hooks.event(event, NAME) for event in events))
        assert not calls.failed, "see the log"


def _event(kind: EventKind, user: str = "ada", **facts: Any) -> Event:
    return Event(kind=kind, at=datetime.now(UTC), user=user, **facts)
