"""Column types, compatible with databases of JupyterHub."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

log = logging.getLogger("plughub.storage")
_BYTES = "__jupyterhub_bytes__"
_USUAL_TIME: Final = len("2026-01-31 12:00:00.000000")


class UTCDateTime(TypeDecorator[datetime]):
    """Time that is time-zone-aware in Python and naive UTC in the database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Convert to naive UTC."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Add the time zone UTC."""
        return value.replace(tzinfo=UTC) if value else None

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return the conversion for the database; two calls instead of four where times are texts."""
        return _text_of if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return the conversion from the database; one call instead of three where times are texts."""
        return _time_of if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


class JSONText(TypeDecorator[Any]):
    """JSON in a text column, with bytes stored as ``{"__jupyterhub_bytes__": true, "data": base64}``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Encode as JSON."""
        return None if value is None else json.dumps(value, default=_pack)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Decode JSON."""
        return None if value is None else _DECODER.decode(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:  # noqa: ARG002
        """Return the conversion from the database; one call instead of three, and no decoding of ``{}``."""
        return lambda text: {} if text == "{}" else self.process_result_value(text, dialect)


class JSONObject(JSONText):
    """JSON object in a text column. An unreadable one counts as empty, so that one row breaks no list."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Decode a JSON object."""
        try:
            found = super().process_result_value(value, dialect)
        except (ValueError, TypeError, RecursionError) as error:
            log.warning("a value in the database is not JSON and counts as empty: %s", type(error).__name__)
            return {}
        if found is None or isinstance(found, dict):
            return found
        log.warning("a value in the database is not a JSON object and counts as empty")
        return {}


def _text_of(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds") if moment else None


def _time_of(text: str | None) -> datetime | None:
    if not text:
        return None
    if len(text) == _USUAL_TIME:  # an eighth of the time of `replace`
        return datetime.fromisoformat(f"{text}+00:00")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return {_BYTES: True, "data": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} does not go into JSON")


def _unpack(value: dict[str, Any]) -> Any:
    if value.get(_BYTES) is not True:
        return value
    try:
        return base64.b64decode(value["data"])
    except (KeyError, ValueError, TypeError):
        return None


_DECODER: Final = json.JSONDecoder(object_hook=_unpack)
