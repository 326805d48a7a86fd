"""The contract of plugins that refuse starts of servers (`hub_authorize_spawn`)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plughub.kinds import Refusal, Server, UserInfo
from plughub.testing.contracts.calls import ODD_TEXTS, PluginCalls, PluginFixtures


class VetoContract(PluginFixtures):
    """Tests for a veto. Subclasses provide the fixtures `plugin`, `permitted` and `refused`."""

    @pytest.fixture
    def permitted(self) -> Server:
        """A server that may start."""
        raise NotImplementedError("override the fixture 'permitted'")

    @pytest.fixture
    def refused(self) -> Server:
        """A server that may not start."""
        raise NotImplementedError("override the fixture 'refused'")

    async def test_a_permitted_server_starts(self, calls: PluginCalls, permitted: Server) -> None:
        assert await calls.hooks.authorize_spawn(permitted) is None
        assert not calls.failed, "an exception refuses, too; see the log"

    async def test_a_refused_server_does_not_start_and_its_user_reads_why(
        self, calls: PluginCalls, refused: Server
    ) -> None:
        answer = await calls.hooks.authorize_spawn(refused)
        assert answer is not None
        assert isinstance(answer.value, Refusal)
        assert not calls.failed, "it refuses with an exception instead of a Refusal; see the log"
        assert answer.value.reason.strip()
        assert answer.value.status in {403, 429}

    async def test_the_same_server_gets_the_same_answer(
        self, calls: PluginCalls, permitted: Server, refused: Server
    ) -> None:
        for _ in range(2):
            assert await calls.hooks.authorize_spawn(permitted) is None
            assert await calls.hooks.authorize_spawn(refused) is not None

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_odd_options_and_names_cause_no_error(
        self, calls: PluginCalls, permitted: Server, text: str
    ) -> None:
        """Options come from the user, and so does the name of a server."""
        for options in ({"profile": text}, {text: [text, None, {"a": text}]}):
            await calls.hooks.authorize_spawn(replace(permitted, name=text[:200], options=options))
        assert not calls.failed, "see the log"

    async def test_a_user_without_groups_causes_no_error(self, calls: PluginCalls) -> None:
        await calls.hooks.authorize_spawn(Server(user=UserInfo(name="nobody-in-particular")))
        assert not calls.failed, "see the log"
