"""Program that becomes the server: started by path, with the standard library only.

The hub is a process with threads, in which only ``exec`` is safe after ``fork``. So it starts this program,
which reads its request from standard input (the request contains secrets, which arguments would reveal),
switches to the user, enters the folder as that user, and executes the command. Failures are reported on a
descriptor that closes by itself when the command runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

RESET = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE, signal.SIGCHLD)
INTERPRETERS = 5  # limits of Linux
LINKS = 40
LONGEST_LINE = 256


class LaunchError(Exception):
    """A step of the launch failed.

    Args:
        step: ``session``, ``switch``, ``home`` or ``command``.
        message: message of the system.
        errno: error number; 0 if there is none.
        obstacle: what `find_obstacle` found.
    """

    def __init__(self, step: str, message: str, errno: int = 0, obstacle: tuple[str, str] = ("", "")) -> None:
        super().__init__(message)
        self.step = step
        self.message = message
        self.errno = errno
        self.obstacle = obstacle

    @property
    def fact(self) -> dict[str, Any]:
        """Report of the failure."""
        return {"step": self.step, "message": self.message, "errno": self.errno, "obstacle": self.obstacle}


def main() -> None:
    """Read the request from standard input and execute it."""
    request, report = read_request()
    try:
        become_server(request, report)
    except LaunchError as error:
        write_report(report, error.fact)
        sys.exit(1)


def read_request() -> tuple[dict[str, Any], int]:
    """Read the request, and replace standard input by the null device.

    Returns:
        The request, and the descriptor for reports.
    """
    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    text = sys.stdin.buffer.read()
    if not text.endswith(b"\n"):  # the hub died before it had sent the whole request
        sys.exit(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    request: dict[str, Any] = json.loads(text)
    return request, report


def become_server(request: dict[str, Any], report: int) -> NoReturn:
    """Switch to the user, enter the folder, and execute the command.

    Args:
        request: ``argv``, ``environment``, ``folder``, ``account`` (None: no switch), ``leader``.
        report: descriptor for reports.

    Raises:
        LaunchError: a step failed.
    """
    for number in RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if request["account"]:
        become_user(request["account"])
    enter(request["folder"])
    pid = os.getpid()
    environment = {**request["environment"], "PLUGHUB_LEADER": f"{request['leader']}:{pid}"}
    write_report(report, {"pid": pid})
    argv = request["argv"]
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - the purpose of this program
    except OSError as error:
        obstacle = find_obstacle(argv[0], lambda path: os.access(path, os.X_OK))
        raise LaunchError("command", error.strerror or str(error), error.errno or 0, obstacle) from error


def find_obstacle(command: str, may_pass: Callable[[str], bool]) -> tuple[str, str]:
    """Find the folder or file that keeps a user from running a command.

    Args:
        command: path of the command.
        may_pass: whether the user may enter a folder, or run a file.

    Returns:
        The first path that the user may not pass, and the program to which it leads: the command, or the
        interpreter in the first line of its script. Both are empty if there is none.
    """
    program = os.path.abspath(command)
    for _ in range(INTERPRETERS):
        for path in _steps_to(program):
            if os.path.lexists(path) and not may_pass(path):
                return path, program
        program = _interpreter_of(program)
        if not program:
            break
    return "", ""


def _steps_to(program: str) -> Iterator[str]:
    """Yield the folders on the way to a program, through links, and the program."""
    for _ in range(LINKS):
        folder = os.path.dirname(program)
        for way in dict.fromkeys((folder, os.path.realpath(folder))):
            parts = way.split("/")
            yield from ("/".join(parts[:count]) or "/" for count in range(1, len(parts) + 1))
        if not os.path.islink(program):
            break
        program = os.path.join(os.path.realpath(folder), os.readlink(program))
    yield program


def _interpreter_of(program: str) -> str:
    """Return the interpreter in the first line of a script; empty for other programs."""
    with contextlib.suppress(OSError), open(program, "rb") as file:
        first = file.readline(LONGEST_LINE)
        if first.startswith(b"#!") and (words := first[2:].split()):
            return os.path.abspath(os.fsdecode(words[0]))
    return ""


def become_user(account: dict[str, Any]) -> None:
    """Switch this process to a system user permanently.

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
    """Enter the folder with the permissions of the present user.

    Raises:
        LaunchError: the folder cannot be entered.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise LaunchError("home", error.strerror or str(error), error.errno or 0) from error


def write_report(report: int, fact: dict[str, Any]) -> None:
    """Write a report for the hub, which may be gone by now."""
    with contextlib.suppress(OSError):
        os.write(report, json.dumps(fact).encode() + b"\n")


if __name__ == "__main__":
    main()
