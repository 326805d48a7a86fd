"""Version of the plugin contract: the hooks, the records and the public modules.

A plugin may state for which version it is written::

    hub_contract = "1.0"

The hub refuses a plugin that is written for a newer version, or for one that it no longer supports, before it
calls any hook. A plugin without the line is checked hook by hook only.

The rule for raising `CONTRACT_VERSION`, with every change of ``core/contract.txt``:

- The second number, when something is added that plugins may use: a hook, an argument, a field with a
  default, a public name. Existing plugins are not affected.
- The first number, and the second becomes 0, when a plugin that works today would have to change: something
  is removed or renamed, or a type becomes narrower. Before that, the old form is deprecated for two minor
  versions of the core; see `plughub.deprecations`.
"""

from __future__ import annotations

import re
from typing import Final

CONTRACT_VERSION: Final = "1.0"
"""Version of the contract of this core."""

OLDEST_CONTRACT: Final = "1.0"
"""The oldest version for which plugins may be written."""

ATTRIBUTE: Final = "hub_contract"
"""Attribute of a plugin's module, or object, with the version for which it is written."""

_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")


def contract_problem(stated: object) -> str:
    """Return why a plugin does not fit the contract of this core; empty if it fits.

    Args:
        stated: the value of its `ATTRIBUTE`; None if it has none.
    """
    if stated is None:
        return ""
    found = _VERSION.fullmatch(stated) if isinstance(stated, str) else None
    if found is None:
        return f'{ATTRIBUTE} must be a text such as "{CONTRACT_VERSION}", not {stated!r}'
    version = _numbers(str(stated))
    if version > _numbers(CONTRACT_VERSION):
        return (
            f"it is written for version {stated} of the plugin contract, and this hub has "
            f"{CONTRACT_VERSION}: upgrade plughub"
        )
    if version < _numbers(OLDEST_CONTRACT):
        return (
            f"it is written for version {stated} of the plugin contract, and this hub supports "
            f"{OLDEST_CONTRACT} to {CONTRACT_VERSION}: upgrade the plugin"
        )
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
