"""Log entries for failures of plugins: one line for those that the plugin expected, else with a traceback."""

from __future__ import annotations

import logging

from plughub.domain.errors import HubError, PluginError, PluginTimeoutError
from plughub.kinds import SpawnFailed

_HTTP_ERROR = ("status_code", "log_message")
"""Attributes of `tornado.web.HTTPError`, which classes for JupyterHub raise."""


def is_expected(error: PluginError) -> bool:
    """Return whether the message of a failure says everything: a timeout, or an error raised deliberately."""
    cause = error.__cause__
    return (
        cause is None
        or isinstance(error, PluginTimeoutError)
        or isinstance(cause, (HubError, SpawnFailed))
        or bool(getattr(cause, "jupyterhub_message", ""))
        or all(hasattr(cause, name) for name in _HTTP_ERROR)
    )


def log_failure(
    log: logging.Logger, level: int, error: HubError, message: str = "%s", *facts: object
) -> None:
    """Log a failure of a plugin, with a traceback if it is unexpected or the level of the log is DEBUG.

    Args:
        log: the logger.
        level: level of the entry.
        error: the failure; one that is not of a plugin has no traceback.
        message: text with ``%s`` for each fact, then for the failure.
        facts: for the text.
    """
    is_shown = isinstance(error, PluginError) and (not is_expected(error) or log.isEnabledFor(logging.DEBUG))
    log.log(level, message, *facts, error, exc_info=error.__cause__ if is_shown else None)
