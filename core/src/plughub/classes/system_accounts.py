"""Accounts that belong to the system and not to a person: ``c.SystemAccounts.…`` in a config file."""

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
DEFAULT_UID_MIN: Final = 1000
"""Lowest uid of a person's account if login.defs does not define it."""
RESERVED: Final = range(61184, 65536)
"""Uids of systemd's dynamic service users (61184 to 65519), of nobody (65534), and the invalid uid 65535."""
_UID_MIN: Final = re.compile(r"^\s*UID_MIN\s+(\d+)", re.MULTILINE)


class SystemAccounts(Configurable):
    """System accounts, such as root, that users of the hub may not use."""

    allowed = Set(
        Unicode(),
        help="""System accounts that may nevertheless be used: users may log in to them with PAM, and
        `localprocess` and `system-user` may run servers as them. All other accounts with a uid below
        `min_uid`, or from 61184 to 65535, are refused, even if a user of the hub has that name.
        """,
    ).tag(config=True)
    min_uid = Integer(
        None,
        allow_none=True,
        min=1,
        help="""Lowest uid of an account that belongs to a person; None for UID_MIN of /etc/login.defs, or
        1000 without it. Lower it if a directory service assigns smaller uids to people. Root is refused
        unless it is in `allowed`.
        """,
    ).tag(config=True)

    def refuses(self, name: str, uid: int) -> bool:
        """Return whether an account may not be used, and log a refusal.

        Args:
            name: of the account.
            uid: of the account.

        Returns:
            True for a system account that is not allowed.
        """
        lowest = uid_min() if self.min_uid is None else self.min_uid
        refused = (uid < lowest or uid in RESERVED) and name not in self.allowed
        if refused:
            log.warning(
                "%s refused: it is a system account (its uid is %d, other accounts start at %d). "
                "To allow it, change c.SystemAccounts.allowed or c.SystemAccounts.min_uid",
                shorten(name),
                uid,
                lowest,
            )
        return refused


@functools.cache
def uid_min() -> int:
    """Return the lowest uid of a person's account on this machine.

    Returns:
        ``UID_MIN`` of login.defs(5), or 1000 without it.
    """
    try:
        found = _UID_MIN.search(LOGIN_DEFS.read_text(errors="replace"))
    except OSError:
        return DEFAULT_UID_MIN
    return int(found[1]) if found else DEFAULT_UID_MIN
