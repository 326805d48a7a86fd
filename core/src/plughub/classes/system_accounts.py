"""Accounts that belong to the system and to no person: ``c.SystemAccounts.…`` in a config file."""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import Final

from traitlets import Integer, Set, Unicode
from traitlets.config import Configurable

from plughub.domain.names import shorten

log = logging.getLogger("plughub.accounts")
LOGIN_DEFS: Final = Path("/etc/login.defs")
FIRST_PERSON: Final = 1000
"""Number of the first account of a person where the machine does not say it."""
RESERVED: Final = range(61184, 65536)
"""Numbers of systemd's dynamic service users (61184 to 65519), of nobody (65534) and of no account at all."""
_UID_MIN: Final = re.compile(r"^\s*UID_MIN\s+(\d+)", re.MULTILINE)


class SystemAccounts(Configurable):
    """Accounts of the system, such as root, which no user of the hub is."""

    allowed = Set(
        Unicode(),
        help="""
        Accounts of the system that may be users of the hub all the same: that log in with PAM, and as
        which `localprocess` and `system-user` run servers. All others whose number is below `min_uid`, or
        from 61184 to 65535, are refused, whoever has given a user such a name.
        """,
    ).tag(config=True)
    min_uid = Integer(
        None,
        allow_none=True,
        min=1,
        help="""
        Lowest number of an account of a person. None for UID_MIN of /etc/login.defs (1000 without it). Lower
        it where a directory gives people smaller numbers; root is listed in `allowed` or refused.
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
        lowest = first_person() if self.min_uid is None else self.min_uid
        refused = (uid < lowest or uid in RESERVED) and name not in self.allowed
        if refused:
            log.warning(
                "%s is refused as an account of the system (number %d, accounts of people begin at %d); "
                "c.SystemAccounts.allowed and min_uid change that",
                shorten(name),
                uid,
                lowest,
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
