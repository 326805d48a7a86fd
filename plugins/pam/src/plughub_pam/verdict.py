"""What an answer of PAM means for the person who logs in."""

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
"""Codes that say no; every other one says that PAM could not decide (``_pam_types.h`` of Linux-PAM)."""

EXPIRED: Final = (
    "Your password has expired. Log in to this machine in another way, such as ssh, set a new password "
    "(command: passwd), then try again here."
)
ACCOUNT_REFUSED: Final = (
    "Your password is right, but this machine does not let you in: your account is locked, expired, or "
    "not allowed here. Ask the administrator."
)


class Verdict(enum.Enum):
    """What came out."""

    GOOD = "good"
    WRONG = "wrong"
    """Wrong password or unknown user; nobody is told which."""
    REFUSED = "refused"
    """The password was right, the account may not be used."""
    FAILED = "failed"
    """PAM could not decide."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the helper.

    Attributes:
        step: ``start``, ``authenticate``, ``account``, ``session`` or ``credentials``: where it ended.
        code: code of PAM.
        text: what the code means, in the words of PAM.
        notes: what the modules said in that step.
        delay: seconds after the beginning before which a wrong login must not be answered.
    """

    step: str
    code: int
    text: str
    notes: Sequence[str] = ()
    delay: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What it means."""
        if self.code == SUCCESS:
            return Verdict.GOOD
        if self.code not in WRONG_CODES:
            return Verdict.FAILED
        if self.step == "account":
            return Verdict.REFUSED
        return Verdict.WRONG if self.step == "authenticate" else Verdict.FAILED

    @property
    def reason(self) -> str:
        """What a person with the right password reads when her account is refused."""
        if self.code in {NEW_AUTHTOK_REQD, AUTHTOK_EXPIRED}:
            return EXPIRED
        said = " ".join(_printable(note) for note in self.notes).strip()
        return f"{ACCOUNT_REFUSED} The machine says: {said}" if said else ACCOUNT_REFUSED

    def __str__(self) -> str:
        """For the log: step, words and code."""
        notes = f"; it says: {' '.join(map(_printable, self.notes))}" if self.notes else ""
        return f"{self.text} (PAM code {self.code} in step {self.step}){notes}"


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()
