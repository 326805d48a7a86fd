"""The contract is documented, typed and prefixed, hook by hook."""

from __future__ import annotations

import ast
import inspect
import re
import typing
from pathlib import Path

import pytest

import plughub.kinds
from plughub import hookspecs
from plughub.markers import PREFIX, PROJECT, CallMode
from plughub.plugin.hooks import Hooks
from plughub.plugin.manager import HOOKS, KINDS

NAMES = sorted(HOOKS)
PARTS = ("When", "Args", "Returns", "Errors", "Example")
WORDS = {
    CallMode.DECIDE: "first answer",
    CallMode.VETO: "refuses",
    CallMode.TELL: "affects nothing else",
}


def function_of(hook: str):
    return getattr(hookspecs, hook)


def parts_of(hook: str) -> dict[str, str]:
    """Return the sections of a docstring by title; the summary is under the empty one."""
    pieces = re.split(r"^(\w+):$", inspect.getdoc(function_of(hook)), flags=re.MULTILINE)
    return {"": pieces[0]} | dict(zip(pieces[1::2], pieces[2::2], strict=True))


def test_there_is_a_contract_for_every_kind_of_plugin() -> None:
    assert len(NAMES) >= 25
    assert {hook for hooks in KINDS.values() for hook in hooks} <= set(NAMES)


def test_every_function_of_the_contract_is_a_hook_with_the_prefix() -> None:
    functions = {
        name
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and value.__module__ == hookspecs.__name__
    }
    assert functions == set(NAMES)
    assert all(name.startswith(PREFIX) for name in functions)


@pytest.mark.parametrize("hook", NAMES)
def test_a_hook_has_terms_and_is_known_to_pluggy(hook: str) -> None:
    assert isinstance(HOOKS[hook].calling, CallMode)
    assert 0 < HOOKS[hook].timeout <= 600
    assert hasattr(function_of(hook), f"{PROJECT}_spec")


@pytest.mark.parametrize("hook", NAMES)
def test_a_hook_is_awaited_unless_it_is_called_once_at_start(hook: str) -> None:
    awaited = inspect.iscoroutinefunction(function_of(hook)) or hook in {"hub_progress", "hub_watch"}
    assert awaited == (HOOKS[hook].calling is not CallMode.REGISTER)


@pytest.mark.parametrize("hook", NAMES)
def test_a_hook_is_typed_with_types_that_plugins_can_import(hook: str) -> None:
    function = function_of(hook)
    assert set(function.__annotations__) == {*inspect.signature(function).parameters, "return"}
    for annotation in function.__annotations__.values():
        for name in re.findall(r"[A-Z]\w+", annotation):
            known = hasattr(plughub.kinds, name) or hasattr(hookspecs, name) or name == "None"
            assert known or name in {"Path", "Config", "Spawner", "Authenticator", "Proxy"}, name


@pytest.mark.parametrize("hook", NAMES)
def test_a_hook_documents_its_call_arguments_and_errors(hook: str) -> None:
    parts = parts_of(hook)
    arguments = set(inspect.signature(function_of(hook)).parameters)
    # The header explains once for all register hooks when they are called and what an exception does.
    is_register = HOOKS[hook].calling is CallMode.REGISTER
    expected = {""} if is_register else {"", "When", "Errors"}
    expected |= {"Args"} if arguments else set()
    expected |= {"Returns"} if function_of(hook).__annotations__["return"] != "None" else set()
    optional = {"When", "Example"} if is_register else {"Example"}
    assert expected <= set(parts) <= expected | optional
    assert list(parts)[1:] == [part for part in PARTS if part in parts]
    assert set(re.findall(r"^    (\w+): ", parts.get("Args", ""), flags=re.MULTILINE)) == arguments
    assert all(text.strip().endswith(".") for part, text in parts.items() if part != "Example")


@pytest.mark.parametrize("hook", NAMES)
def test_a_hook_documents_its_call_mode(hook: str) -> None:
    word = WORDS.get(HOOKS[hook].calling)
    assert word is None or word in " ".join(inspect.getdoc(function_of(hook)).split())


def test_the_header_documents_what_all_register_hooks_share() -> None:
    sentence = "An exception stops the start of the hub"
    assert hookspecs.__doc__.count(sentence) == 1
    registers = [hook for hook in NAMES if HOOKS[hook].calling is CallMode.REGISTER]
    assert not [hook for hook in registers if "An exception" in inspect.getdoc(function_of(hook))]


def test_the_header_explains_every_call_mode() -> None:
    for calling in CallMode:
        assert re.search(rf"^{calling.value}  +\w", hookspecs.__doc__, flags=re.MULTILINE)


def test_the_header_lists_the_hooks_that_a_backend_needs() -> None:
    rows = re.findall(r"^(?:spawner|authenticator|proxy)  .*$", hookspecs.__doc__, flags=re.MULTILINE)
    named = set(re.findall(r"`(hub_\w+)`", "".join(rows)))
    makes_it_one = {hook for kind in KINDS.values() for hook in kind if "register" not in hook}
    needed = {hook for hook in NAMES if HOOKS[hook].calling is CallMode.OWN and not HOOKS[hook].optional}
    assert named == makes_it_one | needed


def test_the_hub_calls_every_hook_that_is_awaited_by_a_typed_method() -> None:
    called = set(re.findall(r'"(hub_\w+)"', inspect.getsource(Hooks)))
    assert called == {hook for hook in NAMES if HOOKS[hook].calling is not CallMode.REGISTER}


@pytest.mark.parametrize(
    "name", [name for name, _ in inspect.getmembers(Hooks, inspect.isfunction) if name[0] != "_"]
)
def test_a_typed_method_calls_its_hook_in_its_call_mode(name: str) -> None:
    source = ast.parse(inspect.cleandoc("\n" + inspect.getsource(getattr(Hooks, name))))
    calls = [
        (node.func.attr, next(arg.value for arg in node.args if isinstance(arg, ast.Constant)))
        for node in ast.walk(source)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and any(isinstance(arg, ast.Constant) and str(arg.value).startswith(PREFIX) for arg in node.args)
    ]
    others = {node.attr for node in ast.walk(source) if isinstance(node, ast.Attribute)} & set(dir(Hooks))
    assert calls or others, "neither a hook is called nor another typed method, which has a case of its own"
    for way, hook in calls:
        calling = HOOKS[hook].calling  # type: ignore[index]
        assert way in {calling.value, "listeners", "takes"} or (way == "owner" and calling is CallMode.OWN)


def test_a_hook_that_an_owner_need_not_implement_has_a_fallback() -> None:
    source = " ".join(inspect.getsource(Hooks).split())
    for hook in NAMES:
        if HOOKS[hook].calling is not CallMode.OWN or hook in {
            "hub_progress",
            "hub_routes_replace",
            "hub_watch",
        }:
            continue
        call = re.search(rf'"{hook}"([^)]*)\)', source)[1]
        assert ("default=" in call) == HOOKS[hook].optional, hook


def test_the_contract_imports_nothing_heavy() -> None:
    imported = {
        alias
        for node in ast.parse(inspect.getsource(hookspecs)).body
        if isinstance(node, ast.ImportFrom)
        for alias in [node.module]
    }
    assert imported == {"__future__", "collections.abc", "typing", "plughub.markers"}


def test_annotations_of_the_records_can_be_read_at_run_time() -> None:
    for name in plughub.kinds.__all__:
        assert typing.get_type_hints(getattr(plughub.kinds, name)) is not None


@pytest.mark.parametrize("hook", NAMES)
def test_every_hook_is_implemented_somewhere_in_the_tree_and_called_by_the_core(hook):
    root = Path(__file__).resolve().parents[2]
    sources = [
        *root.glob("core/src/**/*.py"),
        *root.glob("plugins/*/src/**/*.py"),
        *root.glob("examples/*/**/*.py"),
    ]
    texts = {path: path.read_text() for path in sources if path.name != "hookspecs.py"}
    assert any(f"def {hook}(" in text for text in texts.values()), "nobody implements it"
    core = [text for path, text in texts.items() if path.is_relative_to(root / "core/src/plughub")]
    kind = hook.removeprefix("hub_register_")
    by_kind = kind in {"spawner", "authenticator", "proxy"} and any(
        "hub_register_{kind}" in text for text in core
    )
    assert by_kind or any(f'"{hook}"' in text for text in core), "nobody calls it"
