"""``hub doctor``: problems of the hub, as the administration console shows them."""

from __future__ import annotations

import argparse
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from traitlets.config import Config

from plughub.app.addresses import addresses
from plughub.app.config import JupyterHub
from plughub.app.watched_parts import watched_parts
from plughub.domain.findings import Finding, Severity, by_urgency
from plughub.services.insight.machine import machine_findings, read_machine
from plughub.services.insight.monitor import read_report
from plughub.storage.database import Database
from plughub.storage.schema import require_schema
from plughub.storage.store import Transaction

FOUND: Final = 1
"""Exit code when there is an error or a warning."""


def diagnose(options: argparse.Namespace, config: Config) -> int:
    """Print what is wrong with the hub, since when, and what to do.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        0 if all is well, 1 if there is an error or a warning.

    Raises:
        StartError: the database cannot be read.
    """
    hub = JupyterHub(config=config)
    require_schema(hub.db_url, hub.db_kwargs)
    database = Database(hub.db_url, hub.db_kwargs)
    try:
        report = database.run(
            lambda connection: read_report(Transaction(connection), hub.lease_seconds), write=False
        )
    finally:
        database.close()
    # The hub processes report their machines; this one may have none.
    watched = watched_parts(hub, addresses(hub).ip, Path(hub.runtime_dir))
    here = machine_findings(read_machine(hub.host_name or socket.gethostname(), watched.folders))
    findings = by_urgency([*here, *watched.check_configuration(), *report.findings])
    if options.json:
        print(json.dumps([finding.packed() for finding in findings], indent=2))
    else:
        print("\n\n".join(map(_text, findings)) or "no problems found")
    return FOUND if any(finding.severity is not Severity.NOTICE for finding in findings) else 0


def _text(finding: Finding) -> str:
    began = None if finding.since is None else datetime.fromtimestamp(finding.since, UTC)
    since = f" (since {began:%Y-%m-%d %H:%M} UTC)" if began else ""
    what = f"{finding.code} {finding.severity}: {_sentence(finding.message)}{since}."
    return f"{what}\n  {_sentence(finding.action)}."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
