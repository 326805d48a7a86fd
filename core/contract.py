"""Snapshot of the plugin contract: hooks, records, and the names in public modules.

``.venv/bin/python core/contract.py`` writes ``core/contract.txt``. With ``--check`` it only shows the
difference, and ends with 1 if there is one. Every change of the file is a change of the contract: raise
`CONTRACT_VERSION` by the rule in `plughub.contract`, and describe the change under *For plugin authors* in
the changelog.
"""
# ruff: noqa: INP001, T201 - a script, no package

from __future__ import annotations

import ast
import dataclasses
import difflib
import enum
import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar, get_origin

import pytest
import traitlets

from plughub import hookspecs, kinds
from plughub.contract import CONTRACT_VERSION
from plughub.plugin.manager import HOOKS

FILE: Final = Path(__file__).with_name("contract.txt")
MODULES: Final = (
    "auth",
    "databases",
    "errors",
    "handlers",
    "names",
    "processes",
    "proxy",
    "spawner",
    "threads",
    "tls",
    "traitlets",
    "utils",
    "words",
)
"""Public modules, beside ``kinds`` and ``hookspecs``."""
TESTING: Final = (
    "classes",
    "client",
    "conditions",
    "contracts.authenticator",
    "contracts.listener",
    "contracts.page",
    "contracts.proxy",
    "contracts.proxy_routes",
    "contracts.proxy_under_test",
    "contracts.spawner",
    "contracts.spawner_under_test",
    "contracts.token_check",
    "contracts.veto",
    "doubles",
    "fixtures",
    "forms",
    "hub",
    "latency_proxy",
    "ports",
    "probe_server",
    "quick",
)
"""Modules of ``plughub.testing`` for the tests of plugins; their other names may change with any release."""
HANDLERS: Final = "plughub.handlers"
FIXTURE: Final = type(pytest.fixture(lambda: None))
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
_SET: Final = re.compile(r"frozenset\(\{[^}]*\}\)")
_QUOTED: Final = re.compile(r"(: |-> )'([^']*)'")


def snapshot() -> str:
    """Return the contract as text."""
    lines = [f"version {CONTRACT_VERSION}", "", "# hooks", ""]
    for name, terms in HOOKS.items():
        optional = ", optional" if terms.optional else ""
        lines.append(f"{_signature(name, getattr(hookspecs, name))}")
        lines.append(f"    {terms.calling.value}, {terms.timeout:g} s{optional}")
    lines += ["", "# records"]
    for name in kinds.__all__:
        lines += ["", *_described(name, getattr(kinds, name))]
    for module_name in MODULES:
        module = import_module(f"plughub.{module_name}")
        lines += ["", f"# plughub.{module_name}", ""]
        for name in sorted(getattr(module, "__all__", None) or _public_names(module)):
            lines += _described(name, getattr(module, name))
    for module_name in TESTING:
        module = import_module(f"plughub.testing.{module_name}")
        lines += ["", f"# plughub.testing.{module_name}", ""]
        for name in sorted(getattr(module, "__all__", None) or _defined_names(module)):
            lines += _described(name, getattr(module, name))
    return "\n".join(lines) + "\n"


def _public_names(module: Any) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def _defined_names(module: Any) -> Iterator[str]:
    """Yield the public names that a module assigns or defines, constants included."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            names = [target.id for target in targets if isinstance(target, ast.Name)]
        else:
            names = (
                [node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else []
            )
        for name in names:
            if not name.startswith(("_", "pytest_")) and not isinstance(getattr(module, name), TypeVar):
                yield name


def _described(name: str, value: Any) -> Iterator[str]:
    """Yield the lines of one name."""
    if get_origin(value) is not None:
        yield f"{name} = {value}"
    elif isinstance(value, FIXTURE):
        yield _fixture(name, value)
    elif not isinstance(value, type):
        yield _signature(name, value) if inspect.isroutine(value) else f"{name}: {type(value).__name__}"
    elif not value.__module__.startswith("plughub."):
        yield f"class {name} of {value.__module__.partition('.')[0]}"
    else:
        yield f"class {name}({', '.join(base.__name__ for base in value.__bases__)})"
        for line in _members(value):
            yield f"    {line}"


def _members(cls: type) -> Iterator[str]:
    if issubclass(cls, enum.Enum):
        yield from (f"{member.name} = {member.value!r}" for member in cls)
        return
    fields = dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ()
    if cls.__module__.startswith("plughub.testing.") and "__init__" in vars(cls) and not fields:
        yield _signature("__init__", vars(cls)["__init__"])
    for field in [field for field in fields if not field.name.startswith("_")]:
        yield f"{field.name}: {field.type}{_default(field)}"
    for name in sorted({*dir(cls)} - _names(fields)):
        if not name.startswith(("_", "test_")) and _is_public(cls, name):
            yield from _member(cls, name)


def _is_public(cls: type, name: str) -> bool:
    """Return whether a member is part of the contract; of handlers, only what their public module defines."""
    holder = next((base for base in cls.__mro__ if name in vars(base)), object)
    own = HANDLERS if cls.__module__ == HANDLERS else "plughub"
    return holder.__module__.startswith(own)


def _member(cls: type, name: str) -> Iterator[str]:
    member = inspect.getattr_static(cls, name)
    if isinstance(member, traitlets.TraitType):
        yield f"{name}: {type(member).__name__}{' (setting)' * bool(member.metadata.get('config'))}"
    elif isinstance(member, FIXTURE):
        yield _fixture(name, member)
    elif isinstance(member, property):
        yield f"{name}: property"
    elif inspect.isroutine(member):
        yield _signature(name, getattr(cls, name))
    elif not isinstance(member, traitlets.EventHandler):
        yield f"{name}: {type(member).__name__}"


def _fixture(name: str, fixture: Any) -> str:
    """Return the line of a fixture, which tests override or use by its name."""
    return f"fixture {name} -> {inspect.signature(fixture.__wrapped__).return_annotation}"


def _names(fields: Any) -> set[str]:
    return {field.name for field in fields}


def _default(field: Any) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {field.default!r}"
    return "" if field.default_factory is dataclasses.MISSING else f" = {field.default_factory.__name__}()"


def _signature(name: str, function: Any) -> str:
    begin = "async def" if inspect.iscoroutinefunction(function) else "def"
    try:
        text = str(inspect.signature(function))
    except (TypeError, ValueError):
        return f"{begin} {name}"
    # Addresses change with each run, and so does the order of a set.
    return begin + " " + name + _QUOTED.sub(r"\1\2", _SET.sub("frozenset(...)", _ADDRESS.sub("", text)))


def main(arguments: list[str]) -> int:
    """Write the snapshot, or compare it."""
    wanted = snapshot()
    if arguments != ["--check"]:
        FILE.write_text(wanted)
        return 0
    present = FILE.read_text() if FILE.exists() else ""
    for line in difflib.unified_diff(
        present.splitlines(), wanted.splitlines(), "recorded", "code", lineterm=""
    ):
        print(line)
    return int(present != wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
