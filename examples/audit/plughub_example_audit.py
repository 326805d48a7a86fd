"""Event listener that writes each event to a file, one JSON object per line."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from plughub import hookimpl
from plughub.kinds import Event, HubContext

files: list[Path] = []


@hookimpl
def hub_configure(context: HubContext) -> None:
    files[:] = [Path(context.settings.get("file", "audit.jsonl")).absolute()]


@hookimpl
def hub_event(event: Event) -> None:
    record = json.dumps(asdict(event), default=str) + "\n"
    # A single write in append mode keeps lines from several threads or hubs intact.
    descriptor = os.open(files[0], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, record.encode())
    finally:
        os.close(descriptor)
