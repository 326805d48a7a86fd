from __future__ import annotations

import asyncio

import pytest

from plughub.domain.errors import FailedLoginError, PluginError, UnavailableError
from plughub.kinds import Identity, Login, Refusal, Server, UserInfo
from plughub.plugin.hook_calls import Answer
from plughub.plugin.hooks import Hooks

LOGIN = Login(username="alice", password="secret")
ALICE = Identity(name="alice")
IDENTITY = Identity(name="alice", plugin="odd")
SERVER = Server(user=UserInfo(name="alice"))


async def test_the_first_answer_wins_and_the_others_are_not_asked(plugins, caller, fakes) -> None:
    asked = []

    async def hub_authenticate(login):
        asked.append("later")

    plugins.add("declines", fakes.answering(None))
    plugins.add("knows", fakes.answering(ALICE))
    plugins.add("later", fakes.plugin(hub_authenticate=hub_authenticate))
    assert await caller.decide("hub_authenticate", login=LOGIN) == Answer(ALICE, "knows")
    assert asked == []


async def test_a_coroutine_that_answers_none_does_not_win(plugins, caller, fakes) -> None:
    plugins.add("ldap", fakes.answering(None))
    plugins.add("pam", fakes.answering(ALICE))
    decided = await caller.decide("hub_authenticate", login=LOGIN)
    assert decided.plugin == "pam"


async def test_an_answer_that_is_false_but_not_none_wins(plugins, caller, fakes) -> None:
    plugins.add("empty", fakes.answering(""))
    plugins.add("pam", fakes.answering(ALICE))
    assert await caller.decide("hub_authenticate", login=LOGIN) == Answer("", "empty")


async def test_without_answers_the_result_is_none(plugins, caller, fakes) -> None:
    assert await caller.decide("hub_authenticate", login=LOGIN) is None
    plugins.add("declines", fakes.answering(None))
    caller.forget_cache()
    assert await caller.decide("hub_authenticate", login=LOGIN) is None


@pytest.mark.parametrize(
    "error", [ValueError("no route to host"), SystemExit(3), asyncio.CancelledError(), StopIteration()]
)
async def test_a_failure_counts_as_no_answer_and_is_logged_with_the_name(
    plugins, caller, caplog, error, fakes
) -> None:
    plugins.add("ldap", fakes.failing(error))
    plugins.add("pam", fakes.answering(ALICE))
    assert await caller.decide("hub_authenticate", login=LOGIN) == Answer(ALICE, "pam")
    assert "plugin 'ldap' failed in hub_authenticate" in caplog.text
    assert "secret" not in caplog.text


async def test_a_timeout_counts_as_no_answer(plugins, caller, caplog, impatient, fakes) -> None:
    plugins.add("ldap", fakes.hanging())
    plugins.add("pam", fakes.answering(ALICE))
    assert await caller.decide("hub_authenticate", login=LOGIN) == Answer(ALICE, "pam")
    assert "plugin 'ldap' failed in hub_authenticate: no answer within 0.05 s" in caplog.text


async def test_without_a_refusal_the_answer_is_none(plugins, caller, fakes) -> None:
    plugins.add("one", fakes.answering(None))
    plugins.add("two", fakes.answering(None))
    assert await caller.veto("hub_authorize_login", identity=ALICE) is None


async def test_one_refusal_refuses_though_others_do_not(plugins, caller, fakes) -> None:
    plugins.add("one", fakes.answering(None))
    plugins.add("two", fakes.answering(Refusal("closed", status=429)))
    plugins.add("three", fakes.answering(None))
    assert await caller.veto("hub_authorize_login", identity=ALICE) == Answer(Refusal("closed", 429), "two")


async def test_every_plugin_is_asked_though_one_has_refused(plugins, caller, fakes) -> None:
    asked = []

    async def hub_authorize_login(identity):
        asked.append(identity)
        return Refusal("second")

    plugins.add("one", fakes.answering(Refusal("first")))
    plugins.add("two", fakes.plugin(hub_authorize_login=hub_authorize_login))
    assert (await caller.veto("hub_authorize_login", identity=ALICE)).value.reason == "first"
    assert asked == [ALICE]


@pytest.mark.parametrize("value", ["no", False, True, 0, {}, Refusal(403)])  # type: ignore[arg-type]
async def test_any_answer_but_none_refuses_and_the_plugin_is_named(
    plugins, caller, caplog, value, fakes
) -> None:
    plugins.add("sloppy", fakes.answering(value))
    refusal = await caller.veto("hub_authorize_login", identity=ALICE)
    assert refusal == Answer(Refusal("a check of plugin 'sloppy' failed; try again later"), "sloppy")
    assert "plugin 'sloppy' failed in hub_authorize_login: " in caplog.text


@pytest.mark.parametrize(
    "error", [ValueError("secret detail"), SystemExit(), asyncio.CancelledError(), KeyError("x")]
)
async def test_a_failing_check_refuses_without_details(plugins, caller, error, fakes) -> None:
    plugins.add("quota", fakes.failing(error))
    refusal = await caller.veto("hub_authorize_login", identity=ALICE)
    assert refusal == Answer(Refusal("a check of plugin 'quota' failed; try again later"), "quota")


async def test_a_check_that_does_not_answer_in_time_refuses(plugins, caller, impatient, fakes) -> None:
    plugins.add("quota", fakes.hanging())
    refusal = await caller.veto("hub_authorize_login", identity=ALICE)
    assert refusal.plugin == "quota"


async def test_a_check_in_a_thread_that_fails_refuses(plugins, caller, fakes) -> None:
    def hub_authorize_login(identity):
        return next(iter(()))

    plugins.add("quota", fakes.plugin(hub_authorize_login=hub_authorize_login))
    async with asyncio.timeout(5):
        assert (await caller.veto("hub_authorize_login", identity=ALICE)).plugin == "quota"


async def test_an_unavailable_plugin_is_an_error_unless_another_answers(plugins, caller, fakes) -> None:
    async def hub_authenticate(login):
        raise UnavailableError("the directory does not answer")

    plugins.add("ldap", fakes.plugin(hub_authenticate=hub_authenticate))
    with pytest.raises(UnavailableError, match="the directory does not answer"):
        await caller.decide("hub_authenticate", login=LOGIN)
    plugins.add("pam", fakes.answering(ALICE))
    caller.forget_cache()
    assert (await caller.decide("hub_authenticate", login=LOGIN)).plugin == "pam"


async def test_an_unavailable_plugin_beside_one_that_declines_is_the_given_error(
    plugins, caller, fakes
) -> None:
    plugins.add("ldap", fakes.failing(UnavailableError("the directory does not answer")))
    failure = UnavailableError("out of order")
    with pytest.raises(UnavailableError, match="the directory does not answer"):
        await caller.decide("hub_authenticate", login=LOGIN, failure=failure)
    plugins.add("pam", fakes.answering(None))
    caller.forget_cache()
    with pytest.raises(UnavailableError, match="out of order"):
        await caller.decide("hub_authenticate", login=LOGIN, failure=failure)


async def test_a_failed_plugin_is_the_given_error_unless_another_answers(plugins, caller, fakes) -> None:
    failure = UnavailableError("out of order")
    plugins.add("ldap", fakes.failing(ValueError("no route to host")))
    plugins.add("declines", fakes.answering(None))
    assert await caller.decide("hub_authenticate", login=LOGIN) is None
    with pytest.raises(UnavailableError, match="out of order"):
        await caller.decide("hub_authenticate", login=LOGIN, failure=failure)
    plugins.add("pam", fakes.answering(ALICE))
    caller.forget_cache()
    assert (await caller.decide("hub_authenticate", login=LOGIN, failure=failure)).plugin == "pam"


@pytest.mark.parametrize("answer", [{"name": "alice"}, "alice", True, ("alice",)], ids=str)
async def test_an_answer_of_a_wrong_type_is_a_failure_of_its_plugin(
    plugins, caller, caplog, fakes, answer
) -> None:
    plugins.add("odd", fakes.answering(answer))
    hooks = Hooks(caller)
    with pytest.raises(FailedLoginError):
        await hooks.authenticate(Login(username="alice"))
    assert "plugin 'odd' failed in hub_authenticate: it must return Identity or Rejected" in caplog.text

    plugins.add("good", fakes.answering(Identity(name="alice")))
    caller.forget_cache()
    assert (await hooks.authenticate(Login(username="alice"))).value.name == "alice"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ({"name": None}, "name must be str"),
        ({"admin": "yes"}, "admin must be bool | None"),
        ({"groups": "staff"}, r"groups must be frozenset[str] | None"),
        ({"groups": {1}}, r"groups must be frozenset[str] | None"),
        ({"auth_state": "geheim"}, "auth_state must be Mapping[str, Any] | None"),
    ],
)
async def test_a_field_of_a_wrong_type_is_a_failure_of_the_plugin(
    plugins, caller, caplog, fakes, field, expected
) -> None:
    plugins.add("odd", fakes.answering(Identity(**{"name": "alice"} | field)))
    plugins.add("good", fakes.answering(Identity(name="alice", groups=["staff"], admin=True)))  # type: ignore[arg-type]
    assert (await Hooks(caller).authenticate(Login(username="alice"))).plugin == "good"
    assert f"plugin 'odd' failed in hub_authenticate: Identity.{expected}, not " in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize(
    ("hook", "call", "wanted"),
    [
        ("hub_check_token", lambda hooks: hooks.check_token("t"), "TokenIdentity"),
        ("hub_poll", lambda hooks: hooks.poll("odd", SERVER), "int or Moved or Watched"),
        ("hub_complete_login", lambda hooks: hooks.complete_login(IDENTITY), "Identity or Rejected"),
        ("hub_managed_roles", lambda hooks: hooks.managed_roles("odd"), "Iterable"),
        ("hub_options_form", lambda hooks: hooks.options_form("odd", SERVER), "str"),
        ("hub_options_from_form", lambda hooks: hooks.options_from_form("odd", SERVER, {}), "Mapping"),
        ("hub_profiles", lambda hooks: hooks.profiles("odd", SERVER), "Iterable"),
        ("hub_stop", lambda hooks: hooks.stop("odd", SERVER), "Resumable"),
        ("hub_logs", lambda hooks: hooks.logs("odd", SERVER, 5), "Iterable"),
        ("hub_usage", lambda hooks: hooks.usage("odd", SERVER), "Usage"),
        ("hub_inventory", lambda hooks: hooks.inventory("odd", "mark"), "Iterable"),
        ("hub_proxy_start", lambda hooks: hooks.proxy_start("odd", None), "Mapping"),
        ("hub_proxy_poll", lambda hooks: hooks.proxy_poll("odd"), "int"),
        ("hub_refresh_user", lambda hooks: hooks.refresh_user(IDENTITY), "Identity or Rejected"),
    ],
)
async def test_each_hook_with_a_record_refuses_another_answer(
    plugins, caller, caplog, fakes, hook, call, wanted
) -> None:
    function = lambda: 1.5  # noqa: E731
    plugins.add("odd", fakes.plugin(**{hook: function}))
    try:
        assert await call(Hooks(caller)) is None
        said = caplog.text
    except PluginError as error:
        said = str(error)
    problem = f"it must return {wanted} or None, not float ({__file__}:{function.__code__.co_firstlineno})"
    assert f"plugin 'odd' failed in {hook}: {problem}" in said
