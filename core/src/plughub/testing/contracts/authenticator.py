"""The contract of authenticators, for classes and functions alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from plughub.classes.authenticator.authenticator import Authenticator
from plughub.classes.authenticator.hooks import AuthenticatorHooks
from plughub.kinds import Identity, Login, LoginMethod, Rejected
from plughub.plugin.hook_calls import HookCaller
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import ActivePlugins
from plughub.plugin.threads import ThreadPools
from plughub.testing.contracts.calls import NAME, ODD_TEXTS

ODD_NAMES: Final = {**ODD_TEXTS, "an option": "--help"}

ODD_PASSWORDS: Final = {
    "empty": "",
    "64 KiB": "p" * 65536,
    "control characters": "\x01\r\n\x1b[31m",
    "NUL": "\x00",
    "a lone surrogate": "\udc80",
    "another script": "пароль 🔑",
    "a format": "%s%n{0}$(id)`id`",
}

ENDINGS: Final = {"NUL": "\x00more", "newline": "\n", "space": " ", "64 KiB": "p" * 65536}


class CallsToPlugin:
    """The hooks of one plugin, called as the hub calls them.

    Args:
        plugin: a module or object with hooks, or an instance of an `Authenticator` class.
        pools: threads for plain functions.
    """

    def __init__(self, plugin: object, pools: ThreadPools) -> None:
        plugins = ActivePlugins()
        plugins.add(NAME, AuthenticatorHooks(NAME, plugin) if isinstance(plugin, Authenticator) else plugin)
        self.caller = HookCaller(plugins, pools, self._note)
        self.hooks = Hooks(self.caller)
        self.failed: list[str] = []

    async def log_in(self, login: Login) -> Identity | Rejected | None:
        """Log in; a failure of the plugin is a failure of the test."""
        answer = await self.hooks.authenticate(login)
        assert not self.failed, f"{self.failed} failed; see the log"
        return answer.value if answer else None

    def _note(self, _plugin: str, hook: str, _seconds: float, outcome: str, _answer: object) -> None:
        if outcome != "ok":
            self.failed.append(hook)


class AuthenticatorContract:
    """Tests for an authenticator. Subclasses provide the fixtures `plugin` and `known`.

    Attributes:
        wrong_password: a password that no user has.
        unknown_name: a name that no user has.
        believes_names: any name is admitted with the right password.
    """

    wrong_password = "certainly-not-the-password"
    unknown_name = "nobody-of-that-name"
    believes_names = False

    @pytest.fixture
    def plugin(self) -> object:
        """The plugin: a module or object with hooks, or an instance of an `Authenticator` class."""
        raise NotImplementedError("override the fixture 'plugin'")

    @pytest.fixture
    def known(self) -> Login:
        """A correct login."""
        raise NotImplementedError("override the fixture 'known'")

    @pytest.fixture
    def calls(self, plugin: object) -> Iterator[CallsToPlugin]:
        """The plugin, called as the hub calls it."""
        pools = ThreadPools()
        yield CallsToPlugin(plugin, pools)
        pools.close()

    async def test_right_credentials_give_an_identity(self, calls: CallsToPlugin, known: Login) -> None:
        """The identity has the name of the login."""
        identity = await calls.log_in(known)
        assert isinstance(identity, Identity)
        assert identity.name == known.username

    async def test_the_same_person_is_the_same_each_time(self, calls: CallsToPlugin, known: Login) -> None:
        """The subject does not change from login to login."""
        first, second = await calls.log_in(known), await calls.log_in(known)
        assert isinstance(first, Identity)
        assert isinstance(second, Identity)
        assert (first.name, first.subject) == (second.name, second.subject)

    async def test_a_wrong_password_is_refused(self, calls: CallsToPlugin, known: Login) -> None:
        """A wrong password is refused."""
        assert _is_nobody(await calls.log_in(replace(known, password=self.wrong_password)))

    async def test_an_unknown_name_gives_no_other_user(self, calls: CallsToPlugin, known: Login) -> None:
        """An unknown name is refused, or admitted under that very name."""
        answer = await calls.log_in(replace(known, username=self.unknown_name))
        if self.believes_names:
            assert isinstance(answer, Identity)
            assert answer.name == self.unknown_name
        else:
            assert _is_nobody(answer)

    async def test_an_unknown_name_with_a_wrong_password_reads_like_a_wrong_password(
        self, calls: CallsToPlugin, known: Login
    ) -> None:
        """The answer does not reveal which names exist."""
        wrong = replace(known, password=self.wrong_password)
        unknown = replace(wrong, username=self.unknown_name)
        assert await calls.log_in(wrong) == await calls.log_in(unknown)

    @pytest.mark.parametrize("password", ODD_PASSWORDS.values(), ids=ODD_PASSWORDS.keys())
    async def test_an_odd_password_is_refused_without_an_error(
        self, calls: CallsToPlugin, known: Login, password: str
    ) -> None:
        """Any text is merely a wrong password."""
        assert _is_nobody(await calls.log_in(replace(known, password=password)))

    @pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
    async def test_the_right_password_with_more_behind_it_is_refused(
        self, calls: CallsToPlugin, known: Login, ending: str
    ) -> None:
        """The whole password is compared."""
        assert _is_nobody(await calls.log_in(replace(known, password=known.password + ending)))

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES.keys())
    async def test_an_odd_name_is_never_taken_for_another_user(
        self, calls: CallsToPlugin, known: Login, name: str
    ) -> None:
        """No text is taken for another user's name."""
        answer = await calls.log_in(replace(known, username=name))
        assert _is_nobody(answer) or (self.believes_names and isinstance(answer, Identity))
        assert not isinstance(answer, Identity) or answer.name != known.username

    async def test_the_password_is_never_shown(
        self, calls: CallsToPlugin, known: Login, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither the log nor an answer contains the password."""
        with caplog.at_level(logging.DEBUG):
            answers = [
                await calls.log_in(known),
                await calls.log_in(replace(known, password=self.wrong_password)),
                await calls.log_in(replace(known, username=self.unknown_name)),
            ]
        shown = caplog.text + repr(answers)
        assert known.password not in shown
        assert self.wrong_password not in shown

    async def test_an_odd_name_makes_no_line_of_its_own_in_the_log(
        self, calls: CallsToPlugin, known: Login, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The log shows names shortened and without control characters."""
        with caplog.at_level(logging.DEBUG):
            await calls.log_in(replace(known, username="eve\nroot logged in" + "e" * 65536))
        assert not any("\n" in record.getMessage() for record in caplog.records)
        assert all(len(record.getMessage()) < 4096 for record in caplog.records)

    async def test_many_at_once_are_told_apart(self, calls: CallsToPlugin, known: Login) -> None:
        """Logins that run together do not mix."""
        wrong = replace(known, password=self.wrong_password)
        answers = await asyncio.gather(*(calls.log_in(login) for login in [known, wrong] * 4))
        assert [isinstance(answer, Identity) for answer in answers] == [True, False] * 4

    async def test_the_login_is_finished(self, calls: CallsToPlugin, known: Login) -> None:
        """The stored identity is that of the user."""
        identity = await calls.log_in(known)
        assert isinstance(identity, Identity)
        done = await calls.hooks.complete_login(replace(identity, plugin=NAME))
        assert isinstance(done, Identity)
        assert done.name == known.username

    def test_the_login_page_knows_what_to_show(self, calls: CallsToPlugin) -> None:
        """The login method, if there is one, is valid."""
        answers = calls.caller.register("hub_login_method")
        assert all(isinstance(answer.value, LoginMethod) for answer in answers)


def _is_nobody(answer: Identity | Rejected | None) -> bool:
    return answer is None or isinstance(answer, Rejected)
