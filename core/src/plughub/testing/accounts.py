"""System users for tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from plughub.testing.workers import alone


@contextlib.contextmanager
def system_user(*options: str) -> Iterator[pwd.struct_passwd]:
    """Create a system user with a home folder. Requires root.

    Args:
        options: further options of ``useradd``.

    Yields:
        The account, which is removed at the end with its processes.
    """
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("making system users needs root and useradd")
    name = f"ph{secrets.token_hex(4)}"
    with alone("accounts"):
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", *options, name], check=True)
    account = pwd.getpwnam(name)
    try:
        yield account
    finally:
        end_processes_of(account.pw_uid)
        with alone("accounts"):
            subprocess.run(["userdel", "--remove", "--force", name], check=False, capture_output=True)


def end_processes_of(uid: int) -> None:
    """Kill all processes of a user, and wait for their end."""
    found = [process for process in psutil.process_iter(["uids"]) if process.info["uids"].real == uid]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(found, timeout=10)
