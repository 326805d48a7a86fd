"""Source code of an installed plugin, read without importing the plugin."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from plughub.contract import ATTRIBUTE, contract_problem
from plughub.markers import PREFIX
from plughub.plugin.loader import InstalledPlugin
from plughub.plugin.locations import syntax_problem

_CLASS_HOOKS: Final = frozenset(
    {
        "hub_register_spawner",
        "hub_register_authenticator",
        "hub_register_proxy",
        "hub_register_configurables",
    }
)
"""Hooks that return classes with settings."""


@dataclass(frozen=True, slots=True)
class PluginSource:
    """What the source code of a plugin's module shows.

    Attributes:
        file: path of the module; empty if it was not found.
        hooks: names of the hooks that it implements, sorted.
        settings: where its settings are: ``plugin_settings`` or classes.
        contract: version of the contract for which it is written; empty if it states none.
        problem: why it cannot be read, or is refused for its contract; empty if neither.
    """

    file: str = ""
    hooks: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    contract: str = ""
    problem: str = ""


def read_source(plugin: InstalledPlugin) -> PluginSource:
    """Read the module of a plugin.

    Args:
        plugin: the plugin.
    """
    file = source_file(plugin)
    if file is None:
        return PluginSource(problem=f"broken: {plugin.module.partition(':')[0]} is not installed")
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        return PluginSource(file=str(file), problem=f"broken: {syntax_problem(file, error)}")
    functions = list(hook_functions(tree))
    stated = _stated_contract(tree, plugin.module.partition(":")[2])
    return PluginSource(
        file=str(file),
        hooks=tuple(sorted({function.name for function in functions} | set(_imported_hooks(tree)))),
        settings=tuple(sorted({name for function in functions for name in _settings(function)})),
        contract="" if stated is None else str(stated),
        problem=contract_problem(stated),
    )


def source_file(plugin: InstalledPlugin) -> Path | None:
    """Return the file of a plugin's module; None if there is none.

    Args:
        plugin: the plugin.
    """
    first, *rest = plugin.module.partition(":")[0].split(".")
    try:
        spec = find_spec(first)  # imports nothing: the name has no dot
    except ValueError:
        return None
    if spec is None or not spec.origin:
        return None
    if not rest:
        return Path(spec.origin)
    for location in spec.submodule_search_locations or ():
        module = Path(location, *rest)
        for file in (module.with_suffix(".py"), module / "__init__.py"):
            if file.is_file():
                return file
    return None


def source_files(plugin: InstalledPlugin) -> list[Path]:
    """Return all files of the package that contains a plugin's module.

    Args:
        plugin: the plugin.
    """
    spec = find_spec(plugin.package)
    if spec is None or not spec.origin:
        return []
    if not spec.submodule_search_locations:
        return [Path(spec.origin)]
    return sorted(file for folder in spec.submodule_search_locations for file in Path(folder).rglob("*.py"))


def hook_functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods that are marked as hook implementations.

    Args:
        tree: of a module.
    """
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.name.startswith(PREFIX)
            and any("hookimpl" in ast.unparse(decorator) for decorator in node.decorator_list)
        ):
            yield node


def _imported_hooks(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names = [name.asname or name.name for name in node.names]
            yield from (name for name in names if name.startswith(PREFIX))


def _settings(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if function.name == "hub_configure" and isinstance(node, ast.Attribute) and node.attr == "settings":
            yield "plugin_settings"
        if function.name in _CLASS_HOOKS and isinstance(node, ast.Return) and node.value:
            for name in ast.walk(node.value):
                if isinstance(name, ast.Name) and name.id[:1].isupper():
                    yield f"c.{name.id}"


def _stated_contract(tree: ast.Module, attribute: str) -> Any:
    """Return the contract that the hub will find; None if none is stated, or only running the code tells.

    Args:
        tree: of the module.
        attribute: the object in it that is the plugin; empty if the module is.
    """
    stated = None
    for node in _statements(_class_of(tree, attribute) if attribute else tree.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == ATTRIBUTE for target in targets):
            with contextlib.suppress(ValueError, TypeError):
                stated = None  # of a value that is no literal
                stated = ast.literal_eval(node.value)  # type: ignore[attr-defined] # None without a value
    return stated


def _class_of(tree: ast.Module, name: str) -> list[ast.stmt]:
    """Return the body of the class from which an object is made; empty if it is not found."""
    bodies: dict[str, list[ast.stmt]] = {}
    found: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bodies[node.name] = node.body
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                found = bodies.get(ast.unparse(node.value.func), [])
    return found


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, and those below ``if``, ``try`` and ``with``."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, name, []))
