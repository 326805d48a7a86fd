"""Advice on plugins that cannot be imported. It depends on how the plugin was installed."""

from __future__ import annotations

import json
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LEAVE_OUT = "or leave it out of --plugins"


def advice_on_import(
    error: BaseException,
    location: str,
    *,
    distribution: str,
    package: str,
    about: metadata.Distribution | None,
) -> str:
    """Return what to do about a plugin that cannot be imported.

    Args:
        error: what the import raised.
        location: where it failed; empty if no line of the plugin's was reached.
        distribution: name of the plugin's distribution.
        package: top-level package of the plugin.
        about: the distribution; None if unknown.
    """
    folder, is_editable = _source_folder(about)
    if not folder:
        return f"pip install --force-reinstall {distribution}, {LEAVE_OUT}"
    again = f"pip install {'-e' if is_editable else '--force-reinstall'} {shlex.quote(folder)}; {LEAVE_OUT}"
    project = f"{folder}/pyproject.toml"
    missing = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    if missing and missing.partition(".")[0] != package:
        return f"add what provides {missing!r} to the dependencies in {project}: {again}"
    if not location:
        return f"correct the entry point in {project}: {again}"
    return f"correct {location}, {LEAVE_OUT}" if is_editable else f"correct it in {folder}: {again}"


def _source_folder(about: metadata.Distribution | None) -> tuple[str, bool]:
    """Return the folder from which a distribution was installed, and whether it is imported from there.

    The folder is empty if the distribution comes from an index or an archive.
    """
    try:
        origin: Any = json.loads((about and about.read_text("direct_url.json")) or "{}")
        url, details = urlsplit(origin.get("url", "")), origin.get("dir_info")
    except (ValueError, AttributeError):  # not as pip writes it
        return "", False
    if url.scheme != "file" or not isinstance(details, dict):
        return "", False
    return str(Path(unquote(url.path))), bool(details.get("editable"))
