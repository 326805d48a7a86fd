"""Becomes the server: a small program, started by path, that needs the standard library alone.

The hub is a process with threads, in which nothing but ``exec`` is safe between ``fork`` and ``exec``. So it
starts this program, which takes its orders from standard input (they hold secrets: no argument ever does),
switches to the user, enters the folder as that user, and becomes the command. What goes wrong is reported
on a descriptor that closes by itself when the command runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import Any, NoReturn

RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGCHLD)


class LaunchError(Exception):
    """A step failed.

    Args:
        step: ``session``, ``switch``, ``home`` or ``command``.
        message: what the system said.
        errno: its number, 0 when there is none.
    """

    def __init__(self, step: str, message: str, errno: int = 0) -> None:
        super().__init__(message)
        self.step = step
        self.message = message
        self.errno = errno

    @property
    def fact(self) -> dict[str, Any]:
        """The failure, as it is reported."""
        return {"step": self.step, "message": self.message, "errno": self.errno}


def main() -> None:
    """Take the orders from standard input and carry them out."""
    orders, report = take_orders()
    try:
        become_server(orders, report)
    except LaunchError as error:
        tell(report, error.fact)
        sys.exit(1)


def take_orders() -> tuple[dict[str, Any], int]:
    """Read the orders; afterwards standard input is empty.

    Returns:
        The orders, and the descriptor on which to report.
    """
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    text = sys.stdin.buffer.read()
    if not text.endswith(b"\n"):  # the hub died before it had said all
        sys.exit(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    orders: dict[str, Any] = json.loads(text)
    return orders, report


def become_server(orders: dict[str, Any], report: int) -> NoReturn:
    """Become the command, as the user, in the folder.

    Args:
        orders: ``argv``, ``environment``, ``folder``, ``account`` (None: no switch), ``leader``.
        report: descriptor to report the process on.

    Raises:
        LaunchError: a step failed.
    """
    for number in RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if orders["account"]:
        become_user(orders["account"])
    enter(orders["folder"])
    pid = os.getpid()
    environment = {**orders["environment"], "PLUGHUB_LEADER": f"{orders['leader']}:{pid}"}
    tell(report, {"pid": pid})
    argv = orders["argv"]
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - what this program is for
    except OSError as error:
        raise LaunchError("command", error.strerror or str(error), error.errno or 0) from error


def become_user(account: dict[str, Any]) -> None:
    """Switch this process to a system user for good.

    Args:
        account: ``uid``, ``gid`` and ``groups``, the numbers of the supplementary groups.

    Raises:
        LaunchError: the system refuses.
    """
    uid, gid = account["uid"], account["gid"]
    try:
        os.setgroups(account["groups"])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise LaunchError("switch", error.strerror or str(error), error.errno or 0) from error


def enter(folder: str) -> None:
    """Enter the folder, with the rights of the user that this process has become.

    Args:
        folder: path.

    Raises:
        LaunchError: it cannot be entered.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise LaunchError("home", error.strerror or str(error), error.errno or 0) from error


def tell(report: int, fact: dict[str, Any]) -> None:
    """Write a fact for the hub, which may be gone by now.

    Args:
        report: descriptor.
        fact: what to tell.
    """
    with contextlib.suppress(OSError):
        os.write(report, json.dumps(fact).encode() + b"\n")


if __name__ == "__main__":
    main()
