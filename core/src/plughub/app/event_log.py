"""Event log of server starts and stops, in JupyterHub's format.

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
    "description": "Emitted when the hub has started or stopped a server; not when a server ended by itself.",
    "type": "object",
    "required": ["action", "username", "servername"],
    "properties": {
        "action": {"enum": ["start", "stop"], "description": "What was done."},
        "username": {**_TEXT, "description": "Normalised name of the user."},
        "servername": {**_TEXT, "description": "Name of the server; empty for the default one."},
    },
}


class EventLogger(Configurable):
    """Event log, under the name of its class in jupyter_events."""

    handlers = traitlets.Any(
        None,
        help="""logging.Handler objects that receive the starts and stops of servers as JSON: a list, or a
        function that returns one. Requires the package jupyter_events: ``pip install 'plughub[eventlog]'``.
        """,
    ).tag(config=True)


class EventLog(EventLogger):
    """Event log of server starts and stops, in JupyterHub's format."""

    allowed_schemas = traitlets.Any(
        help="No effect: the event log has one schema. JupyterHub 1 to 3 required its name here."
    ).tag(config=True)


class EventLogPlugin:
    """Plugin that emits server starts and stops to logging handlers.

    Raises:
        StartError: jupyter_events is not installed.
    """

    def __init__(self, handlers: Sequence[logging.Handler]) -> None:
        try:
            # optional package that is slow to import
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
        """Emit a start or stop. A handler may block."""
        action = ACTIONS.get(event.kind)
        if action is not None:
            data = {"action": action, "username": event.user, "servername": event.server or ""}
            self._events.emit(schema_id=SCHEMA, data=data, timestamp_override=event.at)


def configured_handlers(config: Config) -> list[logging.Handler]:
    """Return the handlers that the config file sets; none if there is no event log.

    Raises:
        StartError: the setting is not a list of handlers.
    """
    # Traitlets would copy the value, but a handler holds a lock and cannot be copied.
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
