"""Log of a hub process: handlers, format and level, from the settings."""

from __future__ import annotations

import contextlib
import logging
import logging.config
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from traitlets.config import Config
from traitlets.config.application import LevelFormatter
from traitlets.config.loader import LazyConfigValue
from traitlets.utils.nested_update import nested_update

from plughub.app.config import JupyterHub
from plughub.app.file_checks import check_writable
from plughub.app.logging_config import check_logging_config
from plughub.domain.errors import StartError, exit_code_of
from plughub.plugin.hook_calls import describe
from plughub.services.observability.log_rate_limit import LogRateLimit

CONSOLE: Final = "console"
"""Name of handler and formatter of standard error in ``logging_config``, as in traitlets."""
UPSTREAM_LOGGER: Final = "JupyterHub"
"""Logger to which JupyterHub logs; in ``logging_config`` it means everything that the hub logs."""
_NO_COLORS: Final = {"color": "", "end_color": ""}
"""Fields of JupyterHub's own formatter."""


class HubFormatter(LevelFormatter):
    """Formatter that knows the fields of traitlets' and JupyterHub's formatters; the colors are empty."""

    def __init__(self, fmt: str | None = None, datefmt: str | None = None, **options: Any) -> None:
        super().__init__(fmt, datefmt, **options, defaults=_NO_COLORS)


def extra_handlers(config: Config) -> list[logging.Handler]:
    """Return the additional logging handlers of the config file.

    Raises:
        StartError: the setting is not a list of handlers.
    """
    # Traitlets would copy the value, but a handler holds a lock and cannot be copied.
    section = config.get("JupyterHub", Config())
    given = section.pop("extra_log_handlers", ())
    if isinstance(given, LazyConfigValue):  # from c.JupyterHub.extra_log_handlers.append(…)
        given = given.get_value([])
    if not isinstance(given, list | tuple) or not all(isinstance(one, logging.Handler) for one in given):
        raise StartError("c.JupyterHub.extra_log_handlers must be a list of logging.Handler")
    return list(given)


def set_up_logging(settings: JupyterHub, further: Sequence[logging.Handler] = ()) -> None:
    """Log to standard error, and to the files and handlers of the settings.

    Args:
        settings: of the hub.
        further: additional handlers; a handler without a formatter gets that of the hub.

    Raises:
        StartError: a setting of the log is invalid; the message names it.
    """
    formatter = _formatter(settings.log_format, settings.log_datefmt)
    handlers = [*further, *_file_handlers(settings.extra_log_file)]
    with _naming_logging_config():
        logging.config.dictConfig(_configuration(settings))
    root = logging.getLogger()
    for handler in handlers:
        if handler.formatter is None:
            handler.setFormatter(formatter)
        root.addHandler(handler)
    rate_limit = LogRateLimit(settings.log_lines_of_strangers_per_hour)
    for handler in root.handlers:
        handler.addFilter(rate_limit)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("traitlets").setLevel(logging.ERROR)  # the hub itself reports unknown settings


def check_log_settings(settings: JupyterHub) -> None:
    """Check the settings of the log without changing it or opening a file.

    Raises:
        StartError: one of them is invalid.
    """
    _formatter(settings.log_format, settings.log_datefmt)
    check_writable(settings.extra_log_file, "extra_log_file")
    configuration = _configuration(settings)
    with _naming_logging_config():
        check_logging_config(configuration)


def _configuration(settings: JupyterHub) -> dict[str, Any]:
    """Return the configuration for `logging.config`, with that of the config file merged into it."""
    configuration: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            CONSOLE: {"()": HubFormatter, "fmt": settings.log_format, "datefmt": settings.log_datefmt}
        },
        "handlers": {
            CONSOLE: {"class": "logging.StreamHandler", "formatter": CONSOLE, "stream": "ext://sys.stderr"}
        },
        "root": {"level": _level(settings.log_level), "handlers": [CONSOLE]},
    }
    given: dict[str, Any] = nested_update({}, settings.logging_config)
    loggers = given.get("loggers")
    if isinstance(loggers, Mapping) and UPSTREAM_LOGGER in loggers:
        given["loggers"] = {name: value for name, value in loggers.items() if name != UPSTREAM_LOGGER}
        nested_update(configuration, {"root": loggers[UPSTREAM_LOGGER]})
    merged: dict[str, Any] = nested_update(configuration, given)
    return merged


@contextlib.contextmanager
def _naming_logging_config() -> Iterator[None]:
    """Name the setting in an error of `logging.config`."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, ImportError, LookupError, OSError) as error:
        raise StartError(f"c.JupyterHub.logging_config: {_reason(error)}") from error


def _level(level: str | int) -> int:
    """Return the number of a level that is given by name or number."""
    known = logging.getLevelNamesMapping()
    if str(level).isdigit():
        return int(level)
    if str(level).upper() not in known:
        raise StartError(f"c.JupyterHub.log_level: unknown level: {level!r}", hint=f"use {', '.join(known)}")
    return known[str(level).upper()]


def _formatter(text: str, dates: str) -> logging.Formatter:
    """Return the formatter of the settings, tried with one line."""
    try:
        formatter = HubFormatter(text, dates)
        formatter.format(logging.LogRecord("plughub", logging.WARNING, __file__, 1, "tried", (), None))
    except (ValueError, KeyError, TypeError) as error:
        raise StartError(
            f"c.JupyterHub.log_format or log_datefmt is invalid: {describe(error)}",
            hint="Python's documentation of logging lists the fields, such as %(asctime)s and %(message)s",
        ) from error
    return formatter


def _file_handlers(path: str) -> list[logging.Handler]:
    """Open the file of ``extra_log_file``."""
    if not path:
        return []
    try:
        return [logging.FileHandler(path)]
    except OSError as error:
        raise StartError(
            f"the log file cannot be written: {path} (c.JupyterHub.extra_log_file): {error.strerror}",
            exit_code=exit_code_of(error),
        ) from error


def _reason(error: BaseException) -> str:
    """Return what logging.config found wrong; its own message names only the handler or formatter."""
    return describe(error) if error.__cause__ is None else f"{describe(error)}: {describe(error.__cause__)}"
