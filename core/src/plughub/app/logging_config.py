"""Check of a configuration for `logging.config`, which changes no logger and opens no file."""

from __future__ import annotations

import inspect
import logging
import logging.config
from collections.abc import Callable, Mapping
from logging.handlers import QueueHandler
from typing import Any, Final

from plughub.app.file_checks import check_writable

_OF_ALL: Final = frozenset({"()", ".", "class", "filters", "formatter", "level"})
"""Keys that `logging.config` reads itself. The others are arguments of the handler's class."""


def check_logging_config(configuration: dict[str, Any]) -> None:
    """Check formatters, filters, handlers and loggers as `logging.config.dictConfig` would.

    Args:
        configuration: of version 1; it is not changed.

    Raises:
        ValueError: a part of it is invalid; the message names the part, and its cause says more.
        StartError: the file of a handler cannot be written.
    """
    # Reading a value of the configurator's copy resolves references such as ext://sys.stdout.
    found = logging.config.DictConfigurator(configuration)
    if found.config.get("version") != 1:
        raise ValueError("the version must be 1")
    for kind, check in (
        ("formatters", found.configure_formatter),
        ("filters", found.configure_filter),
        ("handlers", lambda given: _check_handler(found, given)),
    ):
        parts = found.config.get(kind, {})
        for name in list(parts):
            parts[name] = _checked(f"{kind[:-1]} {name!r}", check, parts[name])
    for name, given in found.config.get("loggers", {}).items():
        _checked(f"logger {name!r}", lambda one: _check_logger(found, one), given)
    if "root" in found.config:
        _checked("the root logger", lambda one: _check_logger(found, one), found.config["root"])


def _checked(what: str, check: Callable[[Any], Any], given: Any) -> Any:
    if not isinstance(given, Mapping):
        raise ValueError(f"{what} is not a dictionary")  # noqa: TRY004 - as logging.config raises
    try:
        return check(given)
    except (ValueError, TypeError, AttributeError, ImportError, LookupError) as error:
        raise ValueError(f"{what} is invalid") from error


def _check_handler(found: Any, given: Any) -> logging.Handler:
    """Check class and arguments of a handler, and return one without effect in its place."""
    factory = given["()"] if "()" in given else given["class"]
    factory = found.resolve(factory) if isinstance(factory, str) else factory
    arguments = {name: given[name] for name in given if name not in _OF_ALL}
    # logging.config supplies the queue itself.
    if isinstance(factory, type) and not issubclass(factory, QueueHandler):
        inspect.signature(factory).bind(**arguments)
    if isinstance(path := arguments.get("filename"), str):
        check_writable(path, "logging_config")
    common = {name: given[name] for name in ("level", "formatter", "filters") if name in given}
    handler: logging.Handler = found.configure_handler({"class": "logging.NullHandler", **common})
    return handler


def _check_logger(found: Any, given: Any) -> None:
    """Apply the settings of a logger to one that nothing logs to."""
    found.common_logger_config(logging.Logger("checked"), given)  # noqa: LOG001 - it must stay unknown
