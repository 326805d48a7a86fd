"""Conversion of failures to and from JSON columns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from plughub.domain.servers import Failure


def pack_failure(failure: Failure | None) -> dict[str, Any] | None:
    """Convert a failure to JSON."""
    if failure is None:
        return None
    return {
        "message": failure.message,
        "detail": failure.detail,
        "reference": failure.reference,
        "html": failure.html,
        "plugin": failure.plugin,
        "exit_code": failure.exit_code,
        "logs": list(failure.logs),
        "at": failure.at.isoformat() if failure.at else None,
        "status": failure.status,
    }


def unpack_failure(packed: dict[str, Any] | None) -> Failure | None:
    """Convert JSON of `pack_failure` to a failure."""
    if not packed:
        return None
    at = packed.get("at")
    return Failure(
        message=packed["message"],
        detail=packed.get("detail", ""),
        reference=packed.get("reference", ""),
        html=packed.get("html", ""),
        plugin=packed.get("plugin", ""),
        exit_code=packed.get("exit_code"),
        logs=tuple(packed.get("logs", ())),
        at=datetime.fromisoformat(at) if at else None,
        status=packed.get("status", 500),
    )
