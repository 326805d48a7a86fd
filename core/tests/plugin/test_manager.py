from __future__ import annotations

import inspect
import types

import pytest

from plughub import hookimpl
from plughub.domain.errors import StartError
from plughub.plugin.manager import HOOKS, ActivePlugins, owner_of


class PollPlugin:
    @hookimpl
    async def hub_poll(self, server): ...


class FirstPollPlugin:
    @hookimpl(tryfirst=True)
    async def hub_poll(self, server): ...


class LastPollPlugin:
    @hookimpl(trylast=True)
    async def hub_poll(self, server): ...


def order(plugins: ActivePlugins, hook: str = "hub_poll") -> list[str]:
    return [owner_of(impl) for impl in plugins.implementations(hook)]


def hooks_of(plugins: ActivePlugins, name: str) -> tuple[str, ...]:
    return tuple(hook for hook in HOOKS if name in order(plugins, hook))


def test_plugins_are_asked_in_the_order_in_which_they_are_named(plugins) -> None:
    for name in ("b", "a", "c"):
        plugins.add(name, PollPlugin())
    assert plugins.names == ("b", "a", "c")
    assert order(plugins) == ["b", "a", "c"]


def test_an_implementation_may_ask_to_be_first_or_last(plugins) -> None:
    plugins.add("last", LastPollPlugin())
    plugins.add("one", PollPlugin())
    plugins.add("first", FirstPollPlugin())
    plugins.add("two", PollPlugin())
    assert order(plugins) == ["first", "one", "two", "last"]


def test_a_module_is_a_plugin(plugins) -> None:
    module = types.ModuleType("some_plugin")
    module.hub_poll = PollPlugin().hub_poll  # type: ignore[attr-defined]
    plugins.add("module", module)
    assert hooks_of(plugins, "module") == ("hub_poll",)


def test_a_part_answers_under_the_name_of_its_plugin(plugins) -> None:
    plugins.add("pam", types.ModuleType("pam"))
    plugins.add("other", PollPlugin())
    plugins.add_part("pam", "spawner", PollPlugin())
    assert order(plugins) == ["pam", "other"]
    assert hooks_of(plugins, "pam") == ("hub_poll",)


def test_a_part_of_a_plugin_that_is_not_active_is_refused(plugins) -> None:
    with pytest.raises(StartError, match="plugin 'pam' is not active and cannot have the part 'spawner'"):
        plugins.add_part("pam", "spawner", PollPlugin())


def test_two_parts_of_one_name_are_refused(plugins) -> None:
    plugins.add("pam", types.ModuleType("pam"))
    plugins.add_part("pam", "spawner", PollPlugin())
    with pytest.raises(StartError, match="plugin 'pam' has two parts with the name 'pam:spawner'"):
        plugins.add_part("pam", "spawner", PollPlugin())


def test_a_plugin_that_is_named_twice_is_refused(plugins) -> None:
    plugins.add("pam", PollPlugin())
    with pytest.raises(StartError, match="plugin 'pam' is named twice"):
        plugins.add("pam", PollPlugin())


def test_one_plugin_under_two_names_is_refused(plugins) -> None:
    poll = PollPlugin()
    plugins.add("pam", poll)
    with pytest.raises(StartError, match="plugins 'other' and 'pam' are the same object"):
        plugins.add("other", poll)


def test_a_name_that_reads_like_a_part_is_refused(plugins) -> None:
    with pytest.raises(StartError, match="plugin name 'pam:x' contains ':'"):
        plugins.add("pam:x", PollPlugin())


def test_backends_are_recognized_by_their_hooks(plugins) -> None:
    class SpawnerPlugin:
        @hookimpl
        async def hub_spawn(self, server): ...

        @hookimpl
        async def hub_poll(self, server): ...

        @hookimpl
        async def hub_stop(self, server): ...

    class LoginPlugin:
        @hookimpl
        def hub_register_authenticator(self): ...

    plugins.add("docker", SpawnerPlugin())
    plugins.add("pam", LoginPlugin())
    assert plugins.owners("spawner") == ("docker",)
    assert plugins.owners("authenticator") == ("pam",)
    assert plugins.owners("proxy") == ()


@pytest.mark.parametrize(
    ("hook", "also"),
    [
        ("hub_spawn", "hub_poll and hub_stop"),
        ("hub_route_add", "hub_route_delete and hub_routes and hub_proxy_start and hub_proxy_stop"),
    ],
)
def test_a_backend_that_could_never_be_stopped_is_refused(plugins, fakes, hook, also) -> None:
    half = fakes.plugin(**{hook: lambda: None})
    with pytest.raises(StartError, match=f"it implements {hook}, and must also implement {also}") as caught:
        plugins.add("half", half)
    assert f"({__file__}:" in str(caught.value)


def test_only_attributes_named_like_hooks_are_read(plugins) -> None:
    class PropertiesPlugin:
        @property
        def secret(self):
            raise AssertionError("looked at")

        @property
        def hub_secret(self):
            raise AssertionError("looked at")

    plugins.add("shy", PropertiesPlugin())
    assert hooks_of(plugins, "shy") == ()


def misspelled():
    @hookimpl
    async def hub_authorise_spawn(server): ...

    return hub_authorise_spawn


def misspelled_and_unmarked():
    async def hub_authorise_spawn(server): ...

    return hub_authorise_spawn


def unknown():
    @hookimpl
    async def hub_zzz(server): ...

    return hub_zzz


def unprefixed():
    @hookimpl
    async def authorize_spawn(server): ...

    return authorize_spawn


def named_by_specname():
    @hookimpl(specname="hub_event")
    async def listen(event): ...

    return listen


def unmarked():
    async def hub_poll(server): ...

    return hub_poll


def wrapper():
    @hookimpl(wrapper=True)
    def hub_poll(server):
        return (yield)

    return hub_poll


def old_wrapper():
    @hookimpl(hookwrapper=True)
    def hub_poll(server):
        yield

    return hub_poll


def awaited_at_start():
    @hookimpl
    async def hub_register_pages(): ...

    return hub_register_pages


def yields_where_it_is_awaited():
    @hookimpl
    async def hub_authorize_spawn(server):
        yield None

    return hub_authorize_spawn


def awaited_where_it_yields():
    @hookimpl
    async def hub_progress(server): ...

    return hub_progress


def surplus_argument():
    @hookimpl
    async def hub_spawn(server, user): ...

    return hub_spawn


def keyword_only():
    @hookimpl
    async def hub_stop(server, *, now): ...

    return hub_stop


def default():
    @hookimpl
    async def hub_stop(server, now=False): ...

    return hub_stop


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (misspelled, "there is no hook hub_authorise_spawn; did you mean hub_authorize_spawn?"),
        (
            misspelled_and_unmarked,
            "there is no hook hub_authorise_spawn; if hub_authorize_spawn is meant, mark it",
        ),
        (unknown, "there is no hook hub_zzz"),
        (
            unprefixed,
            "authorize_spawn is marked with @hookimpl, but is not named like a hook; did you mean hub_authorize",
        ),
        (
            named_by_specname,
            "listen is marked with @hookimpl, but is not named like a hook; did you mean hub_event?",
        ),
        (unmarked, "hub_poll is not marked: write @hookimpl above it"),
        (wrapper, "hub_poll is a wrapper, which this hub does not support"),
        (old_wrapper, "hub_poll is a wrapper, which this hub does not support"),
        (
            awaited_at_start,
            "hub_register_pages is called once at start and not awaited: write def, not async def",
        ),
        (yields_where_it_is_awaited, "hub_authorize_spawn is awaited: return in it, do not yield"),
        (awaited_where_it_yields, "hub_progress is an async generator: yield in it"),
        (
            surplus_argument,
            "hub_spawn has an unknown argument 'user'; did you mean 'server'? its arguments are server",
        ),
        (
            keyword_only,
            "hub_stop would never get 'now': remove its default and any * before it",
        ),
        (default, "hub_stop would never get 'now': remove its default and any * before it"),
    ],
)
@pytest.mark.parametrize("kind", ["module", "object", "class"])
def test_a_plugin_that_violates_the_contract_is_refused_without_a_trace(plugins, make, problem, kind) -> None:
    function = make()
    body = {function.__name__: staticmethod(function)}
    holder = {
        "module": lambda: types.SimpleNamespace(**{function.__name__: function}),
        "object": lambda: type("Plugin", (), body)(),
        "class": lambda: type("Plugin", (), body),
    }[kind]()
    with pytest.raises(StartError) as caught:
        plugins.add("bad", holder)
    assert str(caught.value).startswith(f"plugin 'bad' violates the contract: {problem}")
    assert str(caught.value).endswith(f" ({__file__}:{inspect.unwrap(function).__code__.co_firstlineno})")
    assert caught.value.exit_code == 2
    assert plugins.names == ()
    assert all(not plugins.implementations(hook) for hook in HOOKS)


def test_a_part_must_satisfy_the_contract_too(plugins) -> None:
    plugins.add("pam", types.ModuleType("pam"))
    with pytest.raises(StartError, match="is not marked"):
        plugins.add_part("pam", "spawner", types.SimpleNamespace(hub_poll=unmarked()))


def test_a_class_instead_of_an_instance_is_refused(plugins) -> None:
    with pytest.raises(StartError, match="hub_poll has an unknown argument 'self'"):
        plugins.add("class", PollPlugin)


def test_a_helper_may_have_the_prefix_of_hooks(plugins) -> None:
    def hub_address() -> str:
        return ""

    plugins.add("helper", types.SimpleNamespace(hub_address=hub_address))
    assert hooks_of(plugins, "helper") == ()


def test_an_implementation_names_only_the_arguments_that_it_wants(plugins) -> None:
    @hookimpl
    async def hub_stop(server): ...

    @hookimpl
    async def hub_poll(*rest, extra=1, **more): ...

    plugins.add("some", types.SimpleNamespace(hub_stop=hub_stop, hub_poll=hub_poll))
    assert hooks_of(plugins, "some") == ("hub_poll", "hub_stop")


def with_class() -> types.ModuleType:
    class Veto:
        @hookimpl
        def hub_event(self, event): ...

    module = types.ModuleType("module")
    Veto.__module__ = "module"
    module.Veto = Veto  # type: ignore[attr-defined]
    return module


def with_helper() -> types.ModuleType:
    module = types.ModuleType("module")
    module.hub_address = lambda: ""  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        (types.ModuleType("empty"), "it has no hook, which is a function such as hub_event below @hookimpl"),
        (with_helper(), "it has no hook, which is a function such as hub_event below @hookimpl"),
        (object(), "it has no hook, which is a function"),
        ("text", "it has no hook, which is a function"),
        (
            with_class(),
            "it has no hook; to use those of its class Veto, add a line plugin = Veto(), and :plugin",
        ),
        (
            PollPlugin(),
            "the hub calls hub_poll of a spawner, authenticator or proxy only, which it becomes by",
        ),
    ],
)
def test_a_plugin_that_the_hub_never_calls_is_named_in_the_log(plugins, caplog, plugin, why) -> None:
    plugins.add("idle", plugin)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(f"plugin 'idle' does nothing: {why}")
    assert ("test_manager.py:" in caplog.text) == isinstance(plugin, PollPlugin)


@pytest.mark.parametrize("hook", ["hub_event", "hub_register_spawner", "hub_login_method", "hub_check_token"])
def test_a_plugin_that_the_hub_calls_is_no_case_for_the_log(plugins, fakes, caplog, hook) -> None:
    plugins.add("good", fakes.plugin(**{hook: lambda: None}))
    assert caplog.messages == []


def test_an_alias_of_a_hook_is_no_mistake(plugins, caplog) -> None:
    class Plugin(PollPlugin):
        _poll = PollPlugin.hub_poll

        @hookimpl
        def hub_event(self, event): ...

    plugins.add("good", Plugin())
    assert caplog.messages == []
