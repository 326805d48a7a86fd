"""Settings of JupyterHub that plughub does not have, and what to use instead."""

from __future__ import annotations

from typing import Final

_COMMAND: Final = "it is a command-line option of jupyterhub; remove it"

INSTEAD: Final = {
    "JupyterHub.generate_certs": _COMMAND,
}
"""Advice for each setting, by class and name."""
