"""Why a server did not start, said so that its user understands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from dataclasses import replace
from typing import Final

from plughub.domain.clock import utcnow
from plughub.domain.errors import InvalidError, PluginError, PluginTimeoutError
from plughub.domain.explanations import parts_of
from plughub.domain.secrets import scrub
from plughub.domain.servers import Failure
from plughub.domain.timings import FAILURE_LOGS_SECONDS
from plughub.domain.urls import address_of
from plughub.kinds import Diagnosis, Endpoint, Server, SpawnFailed
from plughub.plugin.hooks import Hooks

LOG_LINES: Final = 50
_MAX_LINE: Final = 1000


async def has_ended(hooks: Hooks, plugin: str, server: Server) -> bool:
    """Ask whether a server has ended whose stop failed.

    Args:
        hooks: the hooks.
        plugin: its spawner.
        server: the server.

    Returns:
        True when its plugin says so. One that cannot be asked does not: unknown is not stopped.
    """
    with contextlib.suppress(PluginError):
        return isinstance(await hooks.poll(plugin, server), int)
    return False


class StartFailedError(Exception):
    """A start failed.

    Args:
        failure: why.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.told(details=True))
        self.failure = failure


def spawn_failure(error: PluginError) -> Failure:
    """Say why `hub_spawn` failed.

    Args:
        error: what the call raised.

    Returns:
        The failure, without log lines.
    """
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


def storable(plugin: str, answer: Endpoint) -> Endpoint:
    """Check what a plugin says of the server that it launched; what cannot be stored ends the start.

    Args:
        plugin: who launched it.
        answer: where it answers.

    Returns:
        The same, with its state as the next process will read it.

    Raises:
        StartFailedError: the plugin said something else.
    """
    try:
        address_of(answer.url)
        return replace(answer, state=json.loads(json.dumps(dict(answer.state))))
    except (InvalidError, AttributeError, TypeError, ValueError) as error:
        detail = f"plugin {plugin!r} says of it what cannot be stored: {error}"
        failure = Failure(message="the server cannot be used", detail=detail, plugin=plugin, at=utcnow())
        raise StartFailedError(failure) from error


def exit_failure(plugin: str, code: int, seconds: float | None, also: str = "") -> Failure:
    """Say that the server ended.

    Args:
        plugin: who ran it.
        code: exit code; minus the number of a signal; 0 when not known.
        seconds: for how long it ran while it was starting; None when it had started.
        also: what was found out beside it, such as a port that is taken; empty for nothing.

    Returns:
        The failure, without log lines.
    """
    when = "" if seconds is None else f" after {seconds:.1f} s, before it answered"
    found, detail = parts_of(also)
    message = f"the server ended{when}: {describe_exit(code)}{'; ' if found else ''}{found}"
    return Failure(message=message, detail=detail, plugin=plugin, exit_code=code, at=utcnow())


def silence_failure(plugin: str, url: str, seconds: float, diagnosis: Diagnosis) -> Failure:
    """Say that the server runs but does not answer.

    Args:
        plugin: who runs it.
        url: where it should answer.
        seconds: how long the hub waited.
        diagnosis: what the plugin knows about it.

    Returns:
        The failure, without log lines.
    """
    why = f": {diagnosis.message}" if diagnosis.message else ""
    return Failure(
        message=f"the server did not answer at {url} within {seconds:g} s{why}",
        detail=_joined("http_timeout", diagnosis.detail),
        plugin=plugin,
        at=utcnow(),
    )


def foreign_failure(plugin: str, why: str, seconds: float, diagnosis: Diagnosis) -> Failure:
    """Say that what answers at the address of a starting server was not shown to be that server.

    Args:
        plugin: the spawner.
        why: what was found at the address.
        seconds: how long the hub waited.
        diagnosis: what the plugin knows about it.

    Returns:
        The failure, without log lines.
    """
    more = f" ({diagnosis.message})" if diagnosis.message else ""
    found, detail = parts_of(why)
    return Failure(
        message=f"the server did not become ready within {seconds:g} s: {found}{more}. "
        "Start it again; it gets another address then",
        detail=_joined("http_timeout", detail, diagnosis.detail),
        plugin=plugin,
        at=utcnow(),
    )


def plain_failure(plugin: str, url: str) -> Failure:
    """Say that a server speaks plain HTTP where it must not.

    Args:
        plugin: who runs it.
        url: where it listens.

    Returns:
        The failure.
    """
    return Failure(
        message=f"the server listens at {url} without TLS, which this hub asks for",
        detail=f"JupyterHub.internal_ssl is set, but plugin {plugin!r} cannot do it, or its server was "
        "started before",
        plugin=plugin,
        at=utcnow(),
    )


def void_token_failure(plugin: str) -> Failure:
    """Say that a server was resumed with a token that is not valid any more.

    Args:
        plugin: who resumed it.

    Returns:
        The failure.
    """
    return Failure(
        message="what this server kept when it was stopped cannot be resumed, because its access to the hub "
        "was revoked in the meantime. Start it again: it then begins without what it kept",
        plugin=plugin,
        at=utcnow(),
        status=409,
    )


def describe_exit(code: int) -> str:
    """Say what an exit code means.

    Args:
        code: exit code; minus the number of a signal.

    Returns:
        A phrase.
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"killed by {name}{hint}"


async def with_logs(hooks: Hooks, failure: Failure, server: Server, secrets: tuple[str, ...] = ()) -> Failure:
    """Add the last lines that the server wrote, without secrets, and why it ended where the plugin knows.

    Args:
        hooks: the hooks.
        failure: why it failed.
        server: the server.
        secrets: texts that must not be shown.

    Returns:
        The failure, with as much as the plugin can tell soon: its user waits for it.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAILURE_LOGS_SECONDS):
            return await _with_all(hooks, failure, server, secrets)
    return failure


async def _with_all(hooks: Hooks, failure: Failure, server: Server, secrets: tuple[str, ...]) -> Failure:
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
