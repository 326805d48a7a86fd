"""Interpretation of PAM's answers for the user who logs in."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SUCCESS: Final = 0
PERM_DENIED: Final = 6
AUTH_ERR: Final = 7
CRED_INSUFFICIENT: Final = 8
USER_UNKNOWN: Final = 10
MAXTRIES: Final = 11
NEW_AUTHTOK_REQD: Final = 12
ACCT_EXPIRED: Final = 13
CRED_EXPIRED: Final = 16
CONV_ERR: Final = 19
AUTHTOK_EXPIRED: Final = 27

WRONG_CODES: Final = frozenset(
    {
        PERM_DENIED,
        AUTH_ERR,
        CRED_INSUFFICIENT,
        USER_UNKNOWN,
        MAXTRIES,
        NEW_AUTHTOK_REQD,
        ACCT_EXPIRED,
        CRED_EXPIRED,
        CONV_ERR,
        AUTHTOK_EXPIRED,
    }
)
"""Codes that refuse a login; with all others, PAM could not decide (``_pam_types.h`` of Linux-PAM)."""

EXPIRED: Final = (
    "Your password has expired. Log in to this machine in another way, such as ssh, and set a new password "
    "(command: passwd). Then try again here."
)
ACCOUNT_REFUSED: Final = (
    "Your password is right, but this machine refuses the login: your account is locked, expired, or not "
    "allowed here. Contact an administrator."
)


class Verdict(enum.Enum):
    """Outcome of a transaction."""

    GOOD = "good"
    WRONG = "wrong"
    """Wrong password or unknown user; the difference is never revealed."""
    REFUSED = "refused"
    """The password is right, but the account may not be used."""
    FAILED = "failed"
    """PAM could not decide."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of the helper.

    Attributes:
        step: last step: ``start``, ``authenticate``, ``account``, ``session`` or ``credentials``.
        code: code of PAM.
        text: PAM's description of the code.
        notes: messages of modules in that step.
        delay: seconds from the start of the transaction, before which a wrong login must not be answered.
    """

    step: str
    code: int
    text: str
    notes: Sequence[str] = ()
    delay: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Outcome of the transaction."""
        if self.code == SUCCESS:
            return Verdict.GOOD
        if self.code not in WRONG_CODES:
            return Verdict.FAILED
        if self.step == "account":
            return Verdict.REFUSED
        return Verdict.WRONG if self.step == "authenticate" else Verdict.FAILED

    @property
    def reason(self) -> str:
        """Text for a user with the right password whose account is refused."""
        if self.code in {NEW_AUTHTOK_REQD, AUTHTOK_EXPIRED}:
            return EXPIRED
        note_text = " ".join(_printable(note) for note in self.notes).strip()
        return f"{ACCOUNT_REFUSED} The machine reports: {note_text}" if note_text else ACCOUNT_REFUSED

    def __str__(self) -> str:
        """Return step, description and code for the log."""
        notes = f"; PAM reports: {' '.join(map(_printable, self.notes))}" if self.notes else ""
        return f"{self.text} (PAM code {self.code} in step {self.step}){notes}"


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()
