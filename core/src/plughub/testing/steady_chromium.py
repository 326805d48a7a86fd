"""Chromium that does not notice when interfaces of the machine appear or disappear.

``python -m plughub.testing.steady_chromium [arguments]`` becomes Chromium. Otherwise it ends requests that
wait for a connection with ``ERR_NETWORK_CHANGED`` when a network of containers appears, and a page lacks its
style sheets. Chromium reads changes from a netlink socket and works without one, so the kernel refuses such
sockets (seccomp).
"""

from __future__ import annotations

import atexit
import ctypes
import errno
import functools
import os
import platform
import shlex
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Final

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
_MODULE: Final = "plughub.testing.steady_chromium"
_SOCKET: Final = {"x86_64": 41, "aarch64": 198}
"""Number of the system call ``socket`` by machine."""
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_MODE_FILTER: Final = 2
_LOAD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_NUMBER_AT: Final = 0
_FIRST_ARGUMENT_AT: Final = 16
_AF_NETLINK: Final = 16


class _Program(ctypes.Structure):
    """``struct sock_fprog`` of ``linux/filter.h``."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_netlink() -> None:
    """Let the kernel refuse netlink sockets to this process and its children.

    Raises:
        OSError: the kernel does not filter system calls.
    """
    code = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in (
            (_LOAD, 0, 0, _NUMBER_AT),
            (_JUMP_IF_EQUAL, 0, 3, _SOCKET[platform.machine()]),
            (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
            (_JUMP_IF_EQUAL, 0, 1, _AF_NETLINK),
            (_RETURN, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(code) // 8, code)
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


@functools.cache
def steady_chromium() -> str:
    """Return the path of an executable file that starts this Chromium, for programs that want a path.

    The test is skipped when Chromium is not installed.
    """
    if not Path(CHROMIUM).exists():
        import pytest  # noqa: PLC0415 - this module also becomes Chromium, which needs no pytest

        pytest.skip("Chromium is not installed (apt-get install chromium)")
    folder = Path(tempfile.mkdtemp(prefix="plughub-chromium"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = folder / "chromium"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {_MODULE} "$@"\n')
    command.chmod(0o755)
    return str(command)


if __name__ == "__main__":
    if platform.machine() in _SOCKET:
        refuse_netlink()
    os.execv(CHROMIUM, [CHROMIUM, *sys.argv[1:]])  # noqa: S606 - arguments of a test
