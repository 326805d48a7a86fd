"""What is deprecated: hooks, arguments of hooks, and public names. This is the only list.

A deprecated name works, with a warning, for two minor versions of the core, and is then removed.
Deprecated in 0.1, it works in 0.2 and is removed in 0.3. The hub logs a warning for a plugin that
implements a deprecated hook or names a deprecated argument; a public name issues a `DeprecationWarning`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MINOR_VERSIONS: Final = 2
"""For how many minor versions of the core a deprecated name works."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """A deprecated name.

    Attributes:
        name: ``hub_hook`` for a hook, ``hub_hook(argument)`` for an argument, ``module.name`` for a public
            name.
        instead: what replaces it.
        since: minor version of the core that deprecated it, such as ``0.1``.
    """

    name: str
    instead: str
    since: str

    @property
    def removed_in(self) -> str:
        """Minor version of the core that no longer has it."""
        major, minor = self.since.split(".")
        return f"{major}.{int(minor) + MINOR_VERSIONS}"

    def __str__(self) -> str:
        return (
            f"{self.name}, which is deprecated since plughub {self.since} and will be removed in "
            f"{self.removed_in}: use {self.instead}"
        )


def _by_name(*deprecations: Deprecation) -> Mapping[str, Deprecation]:
    return MappingProxyType({deprecation.name: deprecation for deprecation in deprecations})


DEPRECATED: Final = _by_name(
    Deprecation("plughub.processes.DetachedProcess", "plughub.processes.ProcessIdentity", "0.1"),
)
"""All deprecated names."""


def warn_deprecated(name: str, *, stacklevel: int = 2) -> None:
    """Issue the warning of a deprecated public name.

    Args:
        name: one of `DEPRECATED`.
        stacklevel: as for `warnings.warn`, counted from the caller.
    """
    warnings.warn(f"deprecated: {DEPRECATED[name]}", DeprecationWarning, stacklevel=stacklevel + 1)
