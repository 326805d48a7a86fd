"""The event log: starts and stops of servers, in the form in which JupyterHub tells them.

Source of the schema's id, version and fields: JupyterHub 6.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import traitlets
from traitlets.config import Config, Configurable

from plughub.domain.errors import StartError
from plughub.domain.events import Event, EventKind
from plughub.markers import hookimpl

PLUGIN: Final = "event-log"
SCHEMA: Final = "https://schema.jupyter.org/jupyterhub/events/server-action"
ACTIONS: Final = {EventKind.SPAWN: "start", EventKind.STOP: "stop"}
_TEXT: Final = {"type": "string"}
_SERVER_ACTION: Final = {
    "$id": SCHEMA,
    "version": "1",
    "title": "A server was started or stopped",
    "description": "Told when the hub has started or stopped a server; not when a server ended by itself.",
    "type": "object",
    "required": ["action", "username", "servername"],
    "properties": {
        "action": {"enum": ["start", "stop"], "description": "What was done."},
        "username": {**_TEXT, "description": "Normalised name of the user."},
        "servername": {**_TEXT, "description": "Name of the server; empty for the default one."},
    },
}


class EventLogger(Configurable):
    """The event log, by the name of its class in jupyter_events."""

    handlers = traitlets.Any(
        None,
        help="""Handlers of Python's logging to which the starts and stops of servers are told, as JSON.

        A list, or a function that answers one. It takes the package jupyter_events:
        ``pip install 'plughub[eventlog]'``.
        """,
    ).tag(config=True)


class EventLog(EventLogger):
    """The event log: starts and stops of servers, told in the form of JupyterHub."""


class EventLogPlugin:
    """Tells handlers of Python's logging what happens to servers.

    Args:
        handlers: the handlers.

    Raises:
        StartError: jupyter_events is not installed.
    """

    def __init__(self, handlers: Sequence[logging.Handler]) -> None:
        try:
            # only who wants an event log needs the package, and it takes long to import
            from jupyter_events import EventLogger as Events  # noqa: PLC0415
        except ImportError as error:
            raise StartError(
                "c.EventLog.handlers is set, but the package jupyter_events is not installed",
                hint="pip install 'plughub[eventlog]'",
            ) from error
        self._events = Events()
        self._events.register_event_schema(_SERVER_ACTION)
        self._events.handlers = list(handlers)
        for handler in handlers:
            self._events.register_handler(handler)

    @hookimpl
    def hub_event(self, event: Event) -> None:
        """Tell of a start or stop; a handler may block."""
        action = ACTIONS.get(event.kind)
        if action is not None:
            data = {"action": action, "username": event.user, "servername": event.server or ""}
            self._events.emit(schema_id=SCHEMA, data=data, timestamp_override=event.at)


def configured_handlers(config: Config) -> list[logging.Handler]:
    """Find the handlers that a config file sets.

    Args:
        config: the whole configuration.

    Returns:
        The handlers; none when there is to be no event log.

    Raises:
        StartError: it is no list of handlers.
    """
    # Not read by traitlets, which would copy the value: a handler holds a lock and cannot be copied.
    given: Any = None
    for cls in (EventLogger, EventLog):
        if cls.__name__ in config:
            given = config[cls.__name__].get("handlers", given)
    try:
        found = list(given()) if callable(given) else list(given or ())
    except Exception as error:
        raise StartError(f"c.EventLog.handlers cannot be read: {error}") from error
    if not all(isinstance(handler, logging.Handler) for handler in found):
        raise StartError("c.EventLog.handlers must be a list of logging.Handler")
    return found
