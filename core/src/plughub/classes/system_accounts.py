"""Accounts that belong to the system and to no person: ``c.SystemAccounts.…`` in a config file."""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import Final

from traitlets import Set, Unicode
from traitlets.config import Configurable

from plughub.domain.names import shorten

log = logging.getLogger("plughub.accounts")
LOGIN_DEFS: Final = Path("/etc/login.defs")
FIRST_PERSON: Final = 1000
"""Number of the first account of a person where the machine does not say it."""
NOBODY: Final = 65534
_UID_MIN: Final = re.compile(r"^\s*UID_MIN\s+(\d+)", re.MULTILINE)


class SystemAccounts(Configurable):
    """Accounts of the system, such as root, which no user of the hub is."""

    allowed = Set(
        Unicode(),
        help="""
        Accounts of the system that may be users of the hub all the same: that log in with PAM, and as
        which `localprocess` and `system-user` run servers. All others whose number is below UID_MIN of
        /etc/login.defs, and nobody, are refused, whoever has given a user such a name.
        """,
    ).tag(config=True)

    def refuses(self, name: str, uid: int) -> bool:
        """Tell whether an account may not be used.

        Args:
            name: of the account.
            uid: its number.

        Returns:
            True for an account of the system that is not allowed.
        """
        refused = (uid < first_person() or uid == NOBODY) and name not in self.allowed
        if refused:
            log.warning(
                "%s is an account of the system (number %d) and is refused; c.SystemAccounts.allowed would "
                "let it be a user",
                shorten(name),
                uid,
            )
        return refused


@functools.cache
def first_person() -> int:
    """Tell the number of the first account of a person on this machine.

    Returns:
        ``UID_MIN`` of login.defs(5), 1000 without it.
    """
    try:
        found = _UID_MIN.search(LOGIN_DEFS.read_text(errors="replace"))
    except OSError:
        return FIRST_PERSON
    return int(found[1]) if found else FIRST_PERSON
