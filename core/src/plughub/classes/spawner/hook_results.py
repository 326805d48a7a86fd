"""Conversion of the results of spawner methods, in all supported forms, to records of the hooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, cast

from plughub.classes.spawner.hub_objects import ServerAddress
from plughub.domain.timings import STARTING_POLL_SECONDS
from plughub.kinds import Endpoint, Progress, SpawnFailed


class SpawnException(SpawnFailed):
    """A start is refused by a rule, such as invalid options or no capacity. Raised by spawners and their
    hooks.

    Args:
        message: text for the user.
        reason: a short label for metrics, such as ``image``.
        log_message: text for the log, if it contains more than the user should read.
        message_html: the message as HTML.
        status_code: HTTP status of the response.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        log_message: str = "",
        message_html: str = "",
        status_code: int = 400,
    ) -> None:
        super().__init__(message, html=message_html, status=status_code, retry=False)
        self.reason = reason
        self.log_message = log_message or message


def as_failure(error: Exception) -> Exception:
    """Convert an exception of a start to `SpawnFailed` if it has a message for the user.

    Args:
        error: any exception. Supported are ``jupyterhub_message``, ``jupyterhub_html_message`` and the
            attributes of HTTP errors.

    Returns:
        The converted exception, or the given one if it has no message for the user.
    """
    if isinstance(error, SpawnFailed):
        return error
    message = getattr(error, "jupyterhub_message", "")
    html = getattr(error, "jupyterhub_html_message", "") or getattr(error, "message_html", "")
    # The status of an OSError is what another server answered, such as the Docker engine.
    status = None if isinstance(error, OSError) else getattr(error, "status_code", None)
    if not message and isinstance(status, int):
        message = getattr(error, "message", "") or getattr(error, "log_message", "") or str(error)
    if not message and not html:
        return error
    return SpawnFailed(
        str(message or "the server could not be started"),
        detail="" if message else str(error),
        html=str(html),
        status=status if isinstance(status, int) else 500,
    )


def take_address(answer: Any, server: ServerAddress, port: int, spawner: str) -> str:
    """Set a server's address to the result of `start`, and return it as ``http://address:port``.

    Args:
        answer: a URL, ``(ip, port)``, a port, or None if `start` has set the address.
        server: the address, which is changed.
        port: configured port, for a result without a port.
        spawner: name of the spawner's class, for messages.

    Raises:
        SpawnFailed: the result has another form, or contains no port.
    """
    if isinstance(answer, str):
        try:
            server.move_to(answer)
        except ValueError as error:
            raise _no_address(spawner, str(error)) from error
    elif isinstance(answer, int):
        server.port = answer
    elif isinstance(answer, tuple | list) and len(answer) == 2:  # noqa: PLR2004 - address and port
        server.ip, server.port = str(answer[0] or ""), int(answer[1])
    elif answer is not None:
        raise _no_address(spawner, f"returned {answer!r} instead of a URL, (ip, port) or a port")
    server.port = server.port or port
    if not server.port:
        raise _no_address(spawner, "returned no port")
    return server.host


def _no_address(spawner: str, detail: str) -> SpawnFailed:
    return SpawnFailed("the address of the started server is unknown", detail=f"{spawner}.start: {detail}")


def as_exit_code(answer: Any) -> int | None:
    """Convert the result of `poll`.

    Args:
        answer: None, an exit code, or a description of the end.

    Returns:
        None if the server runs, else the exit code; 0 if it is unknown.
    """
    if answer is None or isinstance(answer, int):
        return answer if answer is None else int(answer)
    text = str(answer)
    return int(text) if text.removeprefix("-").isdecimal() else 0


def as_progress(event: Any, percent: int) -> Progress:
    """Convert an event of `progress`.

    Args:
        event: a `Progress`, a dictionary, or a text.
        percent: default for events without ``progress``.
    """
    if isinstance(event, Progress):
        return event
    if not isinstance(event, Mapping):
        return Progress(percent=percent, message=str(event))
    return Progress(
        percent=int(event.get("progress", percent)),
        message=str(event.get("message", "")),
        html=str(event.get("html_message", "")),
    )


async def progress_of(spawner: Any) -> Callable[[], AsyncIterator[Any]]:
    """Return the method ``progress`` of a spawner, once it is there.

    That of ``wrapspawner`` is a property, which fails until ``start`` has created the wrapped spawner. The
    hub stops waiting when the start ends.
    """
    while True:
        try:
            return cast("Callable[[], AsyncIterator[Any]]", spawner.progress)
        except RuntimeError as error:
            spawner.log.debug("no progress of %s yet: %s", spawner.record.full_name, error)
            await asyncio.sleep(STARTING_POLL_SECONDS)


async def all_events(events: AsyncIterator[Any]) -> AsyncGenerator[Any]:
    """Yield all events of an iterator, and close it in any case if it is a generator."""
    if not hasattr(events, "aclose"):
        async for event in events:
            yield event
        return
    async with aclosing(cast("AsyncGenerator[Any]", events)) as open_events:
        async for event in open_events:
            yield event


def scopes(setting: str, value: Any) -> tuple[str, ...] | None:
    """Read a setting that lists scopes; None if it is not set.

    Args:
        setting: name of the setting, for the message.
        value: a list, or None.

    Raises:
        TypeError: it is a function.
    """
    if callable(value):
        raise TypeError(f"{setting} is a function, which is not supported: set a list of scopes")
    return None if value is None else tuple(value)


def endpoint_of(spawner: Any, url: str, state: Mapping[str, Any], token: str | None) -> Endpoint:
    """Return the address and limits of a server that an instance has started; `token` if it was resumed."""
    cpus, memory = resources_of(spawner)
    ends_in = number_of(spawner.time_left()) or None
    return Endpoint(url=url, state=state, api_token=token or None, cpus=cpus, memory=memory, ends_in=ends_in)


def resources_of(spawner: Any) -> tuple[float | None, int | None]:
    """Return the CPU cores and the bytes of memory that a server may use, by its limits or guarantees."""
    cpus = number_of(spawner.cpu_limit) or number_of(spawner.cpu_guarantee)
    memory = number_of(spawner.mem_limit) or number_of(spawner.mem_guarantee)
    return cpus or None, int(memory) if memory else None


def number_of(value: object) -> float:
    """Return a limit as a number; 0 for none, or one that is no number yet."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
