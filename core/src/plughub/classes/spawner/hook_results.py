"""What spawner classes answer, in all the forms they may, turned into the records of the hooks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from plughub.kinds import Progress, SpawnFailed

if TYPE_CHECKING:
    from plughub.classes.spawner.spawner import Spawner


class SpawnException(SpawnFailed):
    """A start is refused by a rule: invalid options, no room. Raised by spawners and their hooks.

    Args:
        message: what the user reads.
        reason: a short label for metrics, such as ``image``.
        log_message: what the log says, when that is more than the user should read.
        message_html: the message with markup.
        status_code: HTTP status of the answer.
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
    """Find what the user should read in an exception of a start.

    Args:
        error: any exception; ``jupyterhub_message``, ``jupyterhub_html_message`` and the attributes of
            HTTP errors are understood.

    Returns:
        A `SpawnFailed` when the exception says something to the user, else the exception itself.
    """
    if isinstance(error, SpawnFailed):
        return error
    message = getattr(error, "jupyterhub_message", "")
    html = getattr(error, "jupyterhub_html_message", "") or getattr(error, "message_html", "")
    status = getattr(error, "status_code", None)
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


def take_address(spawner: Spawner, answer: Any) -> str:
    """Take over where the server listens.

    Args:
        spawner: its ``server`` is changed.
        answer: what `start` answered: a URL, ``(ip, port)``, a port, or None when ``server`` was set.

    Returns:
        ``http://address:port``.

    Raises:
        SpawnFailed: the answer is none of these, or there is no port.
    """
    server = spawner.server
    if isinstance(answer, str):
        _move(spawner, answer)
    elif isinstance(answer, int):
        server.port = answer
    elif isinstance(answer, tuple | list) and len(answer) == 2:  # noqa: PLR2004 - address and port
        server.ip, server.port = str(answer[0] or ""), int(answer[1])
    elif answer is not None:
        raise _no_address(spawner, f"answered {answer!r}: a URL, (ip, port) or a port is needed")
    server.port = server.port or spawner.port
    if not server.port:
        raise _no_address(spawner, "answered no port")
    return server.host


def _move(spawner: Spawner, url: str) -> None:
    try:
        spawner.server.move_to(url)
    except ValueError as error:
        raise _no_address(spawner, str(error)) from error


def _no_address(spawner: Spawner, detail: str) -> SpawnFailed:
    return SpawnFailed(
        "the hub does not learn where the server listens", detail=f"{type(spawner).__name__}.start: {detail}"
    )


def as_exit_code(answer: Any) -> int | None:
    """Read what `poll` answered.

    Args:
        answer: None, an exit code, or a text that describes the end.

    Returns:
        None when the server runs, else the exit code; 0 when it is not known.
    """
    if answer is None or isinstance(answer, int):
        return answer if answer is None else int(answer)
    text = str(answer)
    return int(text) if text.removeprefix("-").isdecimal() else 0


def as_progress(event: Any, percent: int) -> Progress:
    """Read an event of `progress`.

    Args:
        event: a `Progress`, a dictionary, or a text.
        percent: where the start was before, for events that do not say.

    Returns:
        The record.
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


async def all_events(events: AsyncIterator[Any]) -> AsyncGenerator[Any]:
    """Go through events and close their generator in the end, come what may.

    Args:
        events: an asynchronous iterator.

    Yields:
        The events.
    """
    if not hasattr(events, "aclose"):
        async for event in events:
            yield event
        return
    async with aclosing(cast("AsyncGenerator[Any]", events)) as open_events:
        async for event in open_events:
            yield event


def scopes(setting: str, value: Any) -> tuple[str, ...] | None:
    """Read a setting that lists scopes.

    Args:
        setting: its name, for the message.
        value: a list, or None.

    Returns:
        The scopes, None when it is not set.

    Raises:
        TypeError: it is a function.
    """
    if callable(value):
        raise TypeError(f"{setting} is a function, which is not supported: give a list of scopes")
    return None if value is None else tuple(value)
