"""Reasons why a server did not start, in words that its user understands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from dataclasses import replace
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import InvalidError, PluginError, PluginTimeoutError
from plughub.domain.explanations import parts_of
from plughub.domain.secrets import scrub
from plughub.domain.servers import Failure
from plughub.domain.timings import FAILURE_LOGS_SECONDS, LONGEST_RUN_SECONDS
from plughub.domain.urls import address_of
from plughub.kinds import Diagnosis, Endpoint, Server, SpawnFailed
from plughub.plugin.failure_log import is_expected, log_failure
from plughub.plugin.hooks import Hooks

LOG_LINES: Final = 50
_MAX_LINE: Final = 1000


async def has_ended(hooks: Hooks, plugin: str, server: Server) -> bool:
    """Return whether a server whose stop failed has nevertheless ended.

    Unknown is not stopped: False when the plugin cannot tell.
    """
    with contextlib.suppress(PluginError):
        return isinstance(await hooks.poll(plugin, server), int)
    return False


class StartFailedError(Exception):
    """A start failed.

    Args:
        failure: the reason.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.describe(details=True))
        self.failure = failure


def spawn_failure(error: PluginError) -> Failure:
    """Describe why `hub_spawn` failed, without log lines."""
    cause = error.__cause__
    if isinstance(cause, SpawnFailed):
        return Failure(
            message=cause.message,
            detail=cause.detail,
            html=cause.html,
            plugin=error.plugin,
            at=utcnow(),
            status=cause.status,
        )
    if isinstance(error, PluginTimeoutError):
        message = "the server could not be started in time"
        detail = f"{error.reason} (start_timeout)"
        return Failure(message=message, detail=detail, plugin=error.plugin, at=utcnow())
    custom = str(getattr(cause, "jupyterhub_message", "") or "")
    markup = str(getattr(cause, "jupyterhub_html_message", "") or "")
    return Failure(
        message=custom or "the server could not be started",
        detail=error.reason,
        html=markup,
        plugin=error.plugin,
        at=utcnow(),
    )


def log_unexpected(log: logging.Logger, error: PluginError) -> None:
    """Log a failure with its traceback, unless the reason, which the start logs, says everything."""
    if not is_expected(error) or log.isEnabledFor(logging.DEBUG):
        log_failure(log, logging.WARNING, error)


def checked_endpoint(plugin: str, answer: Endpoint) -> Endpoint:
    """Validate what a plugin returned for the server that it launched.

    Returns:
        The same, with its state as the next process will read it.

    Raises:
        StartFailedError: the answer cannot be stored.
    """
    try:
        address_of(answer.url)
        ends_in = answer.ends_in
        if ends_in is not None:
            ends_in = min(max(float(ends_in), 0.0), LONGEST_RUN_SECONDS)
        return replace(answer, state=json.loads(json.dumps(dict(answer.state))), ends_in=ends_in)
    except (InvalidError, AttributeError, TypeError, ValueError) as error:
        detail = f"plugin {plugin!r} returned an invalid endpoint: {error}"
        failure = Failure(message="the server cannot be used", detail=detail, plugin=plugin, at=utcnow())
        raise StartFailedError(failure) from error


def exit_failure(plugin: str, code: int, seconds: float | None, also: str = "") -> Failure:
    """Describe that the server ended, without log lines.

    Args:
        plugin: the spawner.
        code: exit code; negative signal number; 0 when unknown.
        seconds: for how long it ran while it was starting; None when it had started.
        also: a further finding, such as a port in use; empty for none.
    """
    when = "" if seconds is None else f" after {seconds:.1f} s, before it answered"
    found, detail = parts_of(also)
    message = f"the server ended{when}: {describe_exit(code)}{'; ' if found else ''}{found}"
    return Failure(message=message, detail=detail, plugin=plugin, exit_code=code, at=utcnow())


def no_answer_failure(plugin: str, url: str, seconds: float, diagnosis: Diagnosis) -> Failure:
    """Describe that the server runs but does not answer, without log lines.

    Args:
        plugin: the spawner.
        url: where it should answer.
        seconds: how long the hub waited.
        diagnosis: what the plugin knows about it.
    """
    why = f": {diagnosis.message}" if diagnosis.message else ""
    return Failure(
        message=f"the server did not answer at {url} within {seconds:g} s{why}",
        detail=_joined("http_timeout", diagnosis.detail),
        plugin=plugin,
        at=utcnow(),
    )


def wrong_process_failure(plugin: str, why: str, seconds: float, diagnosis: Diagnosis) -> Failure:
    """Describe that another process may be listening at the address of a starting server, without log lines.

    Args:
        plugin: the spawner.
        why: what was found at the address.
        seconds: how long the hub waited.
        diagnosis: what the plugin knows about it.
    """
    more = f" ({diagnosis.message})" if diagnosis.message else ""
    found, detail = parts_of(why)
    return Failure(
        message=f"the server did not become ready within {seconds:g} s: {found}{more}. "
        "Start it again: it then gets another address",
        detail=_joined("http_timeout", detail, diagnosis.detail),
        plugin=plugin,
        at=utcnow(),
    )


def missing_tls_failure(plugin: str, url: str) -> Failure:
    """Describe that a server speaks plain HTTP although TLS is required.

    Args:
        plugin: the spawner.
        url: where it listens.
    """
    return Failure(
        message=f"the server listens at {url} without TLS, which this hub requires",
        detail=f"JupyterHub.internal_ssl is set, but plugin {plugin!r} does not support it, or the server "
        "was started before it was set",
        plugin=plugin,
        at=utcnow(),
    )


def revoked_token_failure(plugin: str) -> Failure:
    """Describe that a server was resumed with a revoked token."""
    return Failure(
        message="the stopped server cannot be resumed, because its access to the hub "
        "was revoked in the meantime. Start it again: it then begins without what it kept",
        plugin=plugin,
        at=utcnow(),
        status=409,
    )


def describe_exit(code: int) -> str:
    """Return a phrase for an exit code or, when negative, a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"


async def with_logs(hooks: Hooks, failure: Failure, server: Server, secrets: tuple[str, ...] = ()) -> Failure:
    """Add the server's last log lines, without secrets, and the plugin's diagnosis of an exit.

    Args:
        hooks: the hooks.
        failure: the failure.
        server: the server.
        secrets: texts that must not be shown.

    Returns:
        The failure; unchanged when the plugin does not answer within `FAILURE_LOGS_SECONDS`.
    """
    # The user is waiting for the failure.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAILURE_LOGS_SECONDS):
            return await _with_diagnosis_and_logs(hooks, failure, server, secrets)
    return failure


async def _with_diagnosis_and_logs(
    hooks: Hooks, failure: Failure, server: Server, secrets: tuple[str, ...]
) -> Failure:
    if failure.exit_code is not None:
        failure = await _with_diagnosis(hooks, failure, server)
    try:
        lines = await hooks.logs(failure.plugin, server, LOG_LINES)
    except PluginError:
        return failure
    return replace(failure, logs=tuple(scrub(line[:_MAX_LINE], secrets) for line in lines[-LOG_LINES:]))


async def _with_diagnosis(hooks: Hooks, failure: Failure, server: Server) -> Failure:
    try:
        diagnosis = await hooks.diagnose(failure.plugin, server)
    except PluginError:
        return failure
    message = f"{failure.message}: {diagnosis.message}" if diagnosis.message else failure.message
    return replace(failure, message=message, detail=_joined(failure.detail, diagnosis.detail))


def _joined(*details: str) -> str:
    return "; ".join(filter(None, details))
