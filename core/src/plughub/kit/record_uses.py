"""Uses of records in a plugin's source code: their fields in constructors, and in arguments of hooks.

A wrong name of a field raises an exception only when its line runs, perhaps in the middle of a login.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import typing
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from plughub import hookspecs, kinds
from plughub.markers import PROJECT
from plughub.plugin.locations import syntax_problem
from plughub.plugin.manager import HOOKS
from plughub.plugin.source import hook_functions

RECORDS: Final = frozenset(getattr(kinds, name) for name in kinds.__all__)
_CLOSE: Final = 0.5


def problems_in(file: Path) -> list[str]:
    """Return wrong uses of records in a file, with its name and the line.

    Args:
        file: a Python file.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        return [syntax_problem(file, error)]
    names = _imports(tree)
    found = [(call.lineno, text) for call, record in _calls(tree, names) for text in _problems(call, record)]
    for function in hook_functions(tree):
        if function.name in HOOKS:
            found += _attributes(function)
    return [f"{file}:{line}: {text}" for line, text in sorted(found)]


def _imports(tree: ast.AST) -> dict[str, str]:
    """Return the full name of what each imported name of plughub means."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_own(node.module or ""):
            names |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            own = [name for name in node.names if _is_own(name.name)]
            names |= {name.asname or PROJECT: name.name if name.asname else PROJECT for name in own}
    return names


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == PROJECT


def _calls(tree: ast.AST, names: dict[str, str]) -> Iterator[tuple[ast.Call, type]]:
    """Yield the calls of constructors of records."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, _, rest = ast.unparse(node.func).partition(".")
            if first in names and (record := _resolve(f"{names[first]}.{rest}".rstrip("."))) in RECORDS:
                yield node, record


def _resolve(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(import_module(module), attribute, None)
    except ImportError:
        return None


def _problems(call: ast.Call, record: type) -> Iterator[str]:
    """Yield what is wrong with the arguments of a constructor."""
    parameters = inspect.signature(record).parameters.values()
    fields = [parameter.name for parameter in parameters]
    by_place = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return
    if len(call.args) > len(by_place):
        yield f"{record.__name__} takes its fields by name: {record.__name__}({fields[len(by_place)]}=…)"
        return
    given = [*by_place[: len(call.args)], *(keyword.arg for keyword in call.keywords if keyword.arg)]
    unpacks = any(keyword.arg is None for keyword in call.keywords)
    required = [parameter.name for parameter in parameters if parameter.default is parameter.empty]
    missing = [] if unpacks else [name for name in required if name not in given]
    for name in given:
        if name not in fields:
            likely = missing[:1] if len(missing) == 1 else []
            missing = [left for left in missing if left not in likely]
            yield _unknown(record, name, fields, likely)
    if missing:
        yield f"{record.__name__} lacks {', '.join(missing)}"


def _unknown(record: type, name: str, known: Sequence[str], likely: Sequence[str] = ()) -> str:
    similar = difflib.get_close_matches(name, known, n=1, cutoff=_CLOSE) or likely
    meant = f"did you mean {similar[0]!r}? " if similar else ""
    return f"{record.__name__} has no field {name!r}; {meant}its fields are {', '.join(known)}"


def _attributes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[int, str]]:
    """Yield unknown fields of the arguments of a hook, such as ``server.username``."""
    hints = inspect.get_annotations(getattr(hookspecs, function.name))
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    changed = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    arguments = {name: _named(hint) for name, hint in hints.items() if name not in changed}
    seen: set[tuple[int, str]] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute):
            record = _type_of(node.value, arguments)
            if record in RECORDS and not _has(record, node.attr):
                found = (node.lineno, _unknown(record, node.attr, _fields(record)))
                if found not in seen:
                    seen.add(found)
                    yield found


def _type_of(node: ast.expr, arguments: dict[str, Any]) -> Any:
    """Return the record that an expression is, as far as annotations tell; None for anything else."""
    if isinstance(node, ast.Name):
        return arguments.get(node.id)
    if isinstance(node, ast.Attribute):
        record = _type_of(node.value, arguments)
        if record in RECORDS:
            return _plain(typing.get_type_hints(record).get(node.attr))
    return None


def _named(hint: str) -> Any:
    """Return the record of an annotation such as ``Record | None``."""
    name = hint.removesuffix(" | None")
    return getattr(kinds, name) if name in kinds.__all__ else None


def _plain(hint: Any) -> Any:
    """Return the record of a hint such as ``Record | None``."""
    options = [option for option in typing.get_args(hint) if option in RECORDS]
    return options[0] if len(options) == 1 and typing.get_origin(hint) is not None else hint


def _fields(record: type) -> list[str]:
    return list(inspect.signature(record).parameters)


def _has(record: type, name: str) -> bool:
    return name in _fields(record) or hasattr(record, name)
