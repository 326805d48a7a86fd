"""Places in source code, as ``file:line``, for messages about plugins."""

from __future__ import annotations

import functools
import inspect
import os
import traceback
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any, Final

import plughub

_HUB: Final = f"{Path(plughub.__file__).parent}{os.sep}"


def location_of(thing: Any) -> str:
    """Return where something is defined; empty if unknown, or if it is the hub's adapter of a class.

    Args:
        thing: a function, method, class or module. A module has no line.
    """
    if inspect.ismodule(thing):
        return getattr(thing, "__file__", None) or ""
    if isinstance(thing, type):
        return _location_of_class(thing)
    while isinstance(thing, functools.partial):
        thing = thing.func
    thing = inspect.unwrap(getattr(thing, "__func__", thing))
    code = getattr(thing, "__code__", None)
    if not isinstance(code, CodeType) or code.co_filename.startswith(_HUB):
        return ""
    return f"{code.co_filename}:{code.co_firstlineno}"


def with_location(text: str, location: str) -> str:
    """Return a text with a place at its end, if one is known."""
    return f"{text} ({location})" if location else text


def syntax_problem(file: object, error: Exception) -> str:
    """Describe why a file cannot be parsed, with the line.

    Args:
        file: path of the file.
        error: what the parser raised.
    """
    if not isinstance(error, SyntaxError):
        return f"{file}: {error}"
    return f"{_with_line(str(file), error.lineno)}: {error.msg}"


def location_of_error(error: BaseException, package: str) -> str:
    """Return the last line of a plugin that was reached before an exception; empty if none was.

    Args:
        error: the exception, with its traceback.
        package: top-level package of the plugin.
    """
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_file():
        return _with_line(error.filename, error.lineno)
    own = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package
    ]
    if own or not isinstance(error, SyntaxError):
        return own[-1] if own else ""
    spec = find_spec(package)  # Python names no file for some errors, such as null bytes
    return spec.origin or "" if spec else ""


def _with_line(file: str, line: int | None) -> str:
    return f"{file}:{line}" if line else file


def _location_of_class(cls: type) -> str:
    try:
        return f"{inspect.getsourcefile(cls)}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):  # without source code
        return ""
