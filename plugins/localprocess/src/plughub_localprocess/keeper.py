"""Keeps a PAM session open while a server runs in it: opens it, starts the server, waits, closes it.

It is started by the hub like the launcher, as ``python -m plughub_localprocess.keeper``, and survives it. It
ends as the server ended.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import Any, Final, NoReturn

import pamela  # type: ignore[import-untyped]

from plughub_localprocess.launcher import LaunchError, become_server, take_orders, tell

ESTABLISH_CREDENTIALS: Final = 0x2
DELETE_CREDENTIALS: Final = 0x4
"""Flags of ``pam_setcred``. Source: ``pam_setcred(3)`` of Linux-PAM."""

CAN_BE_CAUGHT: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class PamSession:
    """The session of one server, opened and closed through one handle.

    Args:
        service: PAM service, a file in ``/etc/pam.d``.
        username: the system user.
    """

    def __init__(self, service: str, username: str) -> None:
        self._handle: Any = pamela.pam_start(service, username)

    def open(self) -> dict[str, str]:
        """Open the session.

        Returns:
            Environment variables that PAM modules add.

        Raises:
            pamela.PAMError: a module refuses.
        """
        pamela.PAM_SETCRED(self._handle, ESTABLISH_CREDENTIALS)
        if refused := pamela.PAM_OPEN_SESSION(self._handle, 0):
            pamela.PAM_END(self._handle, refused)
            raise pamela.PAMError(errno=refused)
        return self._environment()

    def close(self) -> None:
        """Close the session."""
        pamela.PAM_CLOSE_SESSION(self._handle, 0)
        pamela.PAM_SETCRED(self._handle, DELETE_CREDENTIALS)
        pamela.PAM_END(self._handle, 0)

    def _environment(self) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for entry in pamela.PAM_GETENVLIST(self._handle) or ():
            if entry is None:
                break
            name, _, value = entry.decode(errors="replace").partition("=")
            pairs[name] = value
        return pairs


def main() -> NoReturn:
    """Take the orders from standard input and carry them out."""
    orders, report = take_orders()
    for number in CAN_BE_CAUGHT:
        signal.signal(number, signal.SIG_IGN)
    try:
        session = PamSession(orders["pam_service"], orders["username"])
        added = session.open()
    except pamela.PAMError as error:
        tell(report, LaunchError("session", str(error)).fact)
        sys.exit(1)
    orders["environment"] = {**added, **orders["environment"]}
    child = os.fork()
    if child == 0:
        be_server(orders, report)
    os.close(report)
    _, status = os.waitpid(child, 0)
    session.close()
    end_like(status)


def be_server(orders: dict[str, Any], report: int) -> NoReturn:
    """Be the server's process, in a process session of its own.

    Args:
        orders: what the hub said.
        report: descriptor to report on.
    """
    try:
        os.setsid()
        become_server(orders, report)
    except LaunchError as error:
        tell(report, error.fact)
    os._exit(1)


def end_like(status: int) -> NoReturn:
    """End as another process ended, by the same signal or with the same code.

    Args:
        status: what ``waitpid`` answered.
    """
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(max(0, os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
