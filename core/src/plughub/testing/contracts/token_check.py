"""The contract of plugins that check tokens (`hub_check_token`)."""

from __future__ import annotations

import asyncio
from time import time

import pytest

from plughub.kinds import TokenIdentity
from plughub.testing.contracts.calls import ODD_TEXTS, PluginCalls, PluginFixtures


class TokenCheckContract(PluginFixtures):
    """Tests for a token check. Subclasses provide the fixtures `plugin` and `known`.

    Attributes:
        owner: the user or service whose token `known` is.
    """

    owner: str = ""

    @pytest.fixture
    def known(self) -> str:
        """A valid token."""
        raise NotImplementedError("override the fixture 'known'")

    async def test_a_known_token_has_its_owner(self, calls: PluginCalls, known: str) -> None:
        found = await identity_of(calls, known)
        assert isinstance(found, TokenIdentity)
        assert (found.name, found.kind in {"user", "service"}) == (self.owner, True)
        assert found.scopes, "a token without scopes permits nothing"
        assert found.expires_at is None or found.expires_at > time()

    @pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
    async def test_an_odd_token_is_unknown(self, calls: PluginCalls, text: str) -> None:
        assert await identity_of(calls, text) is None

    async def test_a_token_that_is_nearly_known_is_unknown(self, calls: PluginCalls, known: str) -> None:
        for text in (known[:-1], f"{known}x", f"{known}\n", f" {known}", f"{known}\x00", known.swapcase()):
            assert await identity_of(calls, text) is None

    async def test_many_at_once_are_told_apart(self, calls: PluginCalls, known: str) -> None:
        answers = await asyncio.gather(*(identity_of(calls, token) for token in [known, "unknown"] * 4))
        assert [answer is not None for answer in answers] == [True, False] * 4

    async def test_no_token_is_in_the_log(
        self, calls: PluginCalls, known: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        answers = [await identity_of(calls, token) for token in (known, "a-wrong-token")]
        shown = caplog.text + repr(answers)
        assert known not in shown
        assert "a-wrong-token" not in shown


async def identity_of(calls: PluginCalls, token: str) -> TokenIdentity | None:
    """Check a token; a failure of the plugin is a failure of the test."""
    answer = await calls.hooks.check_token(token)
    assert not calls.failed, "hub_check_token failed; see the log"
    return answer.value if answer else None
