"""Supervisor of a PAM session: opens the session, starts the server, waits for its end, closes the session.

The hub starts it like the launcher, as ``python -m plughub_localprocess.pam_session``, and it survives the
hub.
It exits like the server.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from typing import Any, Final, NoReturn

import pamela  # type: ignore[import-untyped]

from plughub_localprocess.launcher import LaunchError, become_server, read_request, write_report

ESTABLISH_CREDENTIALS: Final = 0x2
DELETE_CREDENTIALS: Final = 0x4
"""Flags of ``pam_setcred``. Source: ``pam_setcred(3)`` of Linux-PAM."""

CAN_BE_CAUGHT: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class PamSession:
    """The PAM session of one server, opened and closed with the same handle.

    Args:
        service: PAM service, a file in ``/etc/pam.d``.
        username: login name.
    """

    def __init__(self, service: str, username: str) -> None:
        self._handle: Any = pamela.pam_start(service, username)

    def open(self) -> dict[str, str]:
        """Open the session, and return the environment variables of its PAM modules.

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
    """Read the request from standard input and execute it."""
    request, report = read_request()
    for number in CAN_BE_CAUGHT:
        signal.signal(number, signal.SIG_IGN)
    try:
        session = PamSession(request["pam_service"], request["username"])
        added = session.open()
    except pamela.PAMError as error:
        write_report(report, LaunchError("session", str(error)).fact)
        sys.exit(1)
    request["environment"] = {**added, **request["environment"]}
    child = os.fork()
    if child == 0:
        run_server(request, report)
    os.close(report)
    _, status = os.waitpid(child, 0)
    session.close()
    exit_like(status)


def run_server(request: dict[str, Any], report: int) -> NoReturn:
    """Become the server in a new process session."""
    try:
        os.setsid()
        become_server(request, report)
    except LaunchError as error:
        write_report(report, error.fact)
    os._exit(1)


def exit_like(status: int) -> NoReturn:
    """Exit like another process: by the same signal or with the same code.

    Args:
        status: status from ``waitpid``.
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
