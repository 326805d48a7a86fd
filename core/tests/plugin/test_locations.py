"""Messages on mistakes of plugins name the line."""

from __future__ import annotations

import functools
import inspect
from types import ModuleType

import pytest

from plughub.domain.errors import StartError
from plughub.kinds import SpawnerInfo
from plughub.plugin.hook_calls import HookCaller, failing_start
from plughub.plugin.locations import location_of
from plughub.spawner import Spawner


def plain(): ...


def decorate(function):
    @functools.wraps(function)
    def wrapper(): ...

    return wrapper


class Method:
    def method(self): ...


@pytest.mark.parametrize(
    ("thing", "defined"),
    [
        (plain, plain),
        (decorate(plain), plain),
        (functools.partial(plain), plain),
        (Method().method, Method.method),
        (Method.method, Method.method),
    ],
)
def test_a_function_is_where_it_is_written(thing, defined):
    assert location_of(thing) == f"{__file__}:{defined.__code__.co_firstlineno}"


def test_a_class_and_a_module_are_named_by_their_file():
    assert location_of(Method) == f"{__file__}:{inspect.getsourcelines(Method)[1]}"
    assert location_of(inspect.getmodule(plain)) == __file__


@pytest.mark.parametrize(
    "thing", [len, Spawner.poll, ModuleType("none"), type("Made", (), {}), int, object()]
)
def test_what_a_plugin_did_not_write_has_no_line(thing):
    assert location_of(thing) == ""


def wrong_record():
    return SpawnerInfo(label=5)  # type: ignore[arg-type]


def wrong_type():
    return 5


def wrong_field():
    return SpawnerInfo(named="x")  # type: ignore[call-arg]


def wrong_name():
    return SpawnerInfo(label="a".missing())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hook", "line"),
    [(wrong_record, 0), (wrong_type, 0), (wrong_field, 1), (wrong_name, 1)],
)
def test_a_mistake_in_a_hook_that_is_called_at_start_is_named_with_its_line(
    plugins, pools, fakes, hook, line
):
    plugins.add("odd", fakes.plugin(hub_spawner_info=hook))
    with pytest.raises(StartError, match="plugin 'odd' failed in hub_spawner_info: ") as caught:
        HookCaller(plugins, pools).register("hub_spawner_info", expected=SpawnerInfo)
    assert str(caught.value).endswith(f" ({__file__}:{hook.__code__.co_firstlineno + line})")


def test_a_message_to_the_administrator_has_no_line(plugins, pools, fakes):
    def hub_configure():
        raise ValueError("the setting users is missing")

    plugins.add("odd", fakes.plugin(hub_configure=hub_configure))
    with pytest.raises(StartError) as caught:
        HookCaller(plugins, pools).register("hub_configure")
    assert str(caught.value) == "plugin 'odd' failed in hub_configure: the setting users is missing"


def test_a_mistake_in_a_constructor_is_named_with_its_line():
    class Broken:
        def __init__(self):
            self.missing  # type: ignore[attr-defined]  # noqa: B018

    with pytest.raises(StartError) as caught, failing_start("odd", "the constructor of Broken", Broken):
        Broken()
    assert str(caught.value).endswith(f" ({__file__}:{Broken.__init__.__code__.co_firstlineno + 1})")
