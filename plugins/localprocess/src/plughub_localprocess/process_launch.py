"""Launch of a server: the hub sends a request to the launcher, which reports until it becomes the server."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from plughub.processes import ProcessIdentity, limit_of_launched
from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account
from plughub_localprocess.children import CHILDREN
from plughub_localprocess.launch_errors import launch_error

LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))
RESERVED_ARGUMENTS: Final = frozenset(
    {"args", "env", "stdin", "preexec_fn", "pass_fds", "close_fds", "start_new_session", "process_group"}
    | {"cwd", "user", "group", "extra_groups", "shell", "executable", "text", "encoding"}
)
"""Arguments of Popen that the launch sets itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """Request to the launcher.

    Attributes:
        argv: the command, without secrets.
        environment: environment of the server; secret.
        folder: working directory of the server.
        account: system account to switch to; None for no switch.
        leader: name of the plugin, by which its inventory recognizes the process.
        username: login name for the PAM session.
        pam_service: PAM service of the session; empty for none.
    """

    argv: list[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: str
    account: Account | None
    leader: str
    username: str = ""
    pam_service: str = ""

    def as_line(self) -> bytes:
        """Return the request in the launcher's input format."""
        # Not asdict() of all, which copies the environment deeply.
        account = asdict(self.account) if self.account else None
        request = {name: getattr(self, name) for name in _REQUEST_FIELDS}
        return (
            json.dumps({**request, "environment": dict(self.environment), "account": account}).encode()
            + b"\n"
        )


_REQUEST_FIELDS: Final = tuple(one.name for one in fields(LaunchRequest))


@dataclass(frozen=True, slots=True)
class LaunchedServer:
    """A launched server.

    Attributes:
        identity: process of the server.
        child: the same process, or the supervisor of its PAM session.
    """

    identity: ProcessIdentity
    child: subprocess.Popen[bytes]


def launch(
    request: LaunchRequest, output: int, timeout: float, popen_kwargs: Mapping[str, Any]
) -> LaunchedServer:
    """Start a server. Blocks until its command runs.

    Args:
        request: the request.
        output: descriptor for the output of the server.
        timeout: seconds for the launcher to become the server.
        popen_kwargs: additional arguments of Popen.

    Raises:
        SpawnFailed: a step failed; the message names it.
    """
    listen, report = os.pipe()
    try:
        try:
            child = _start_launcher(request, output, report, popen_kwargs)
        finally:
            os.close(report)
        _send_request(child, request)
        return _read_reports(child, request, listen, time.monotonic() + timeout)
    finally:
        os.close(listen)


def _start_launcher(
    request: LaunchRequest, output: int, report: int, popen_kwargs: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    program = ["-m", "plughub_localprocess.pam_session"] if request.pam_service else ["-S", LAUNCHER]
    outputs = {"stdout": output, "stderr": output, **popen_kwargs}
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    try:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", *program, str(report)],
            stdin=subprocess.PIPE,
            env=libraries,
            cwd="/",
            start_new_session=True,
            pass_fds=(report,),
            **outputs,
        )
    except OSError as error:
        raise SpawnFailed("the machine of the hub cannot start another process", detail=str(error)) from error
    _limit_descriptors(child)
    return child


def _limit_descriptors(child: subprocess.Popen[bytes]) -> None:
    """Set a launcher's descriptor limit to the one that the hub was started with."""
    with contextlib.suppress(OSError):  # meanwhile, the launcher waits for its request
        _, hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (min(limit_of_launched(), hard), hard))


def _send_request(child: subprocess.Popen[bytes], request: LaunchRequest) -> None:
    with contextlib.suppress(BrokenPipeError), child.stdin or contextlib.nullcontext() as pipe:
        if pipe is not None:
            pipe.write(request.as_line())


def _read_reports(
    child: subprocess.Popen[bytes], request: LaunchRequest, listen: int, deadline: float
) -> LaunchedServer:
    output = b""
    # Not select(): it fails for descriptors above 1023, and a busy hub has more.
    waiting = select.poll()
    waiting.register(listen, select.POLLIN)
    while waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        received = os.read(listen, 65536)
        if not received:
            break
        output += received
    else:
        _kill(child)
        raise SpawnFailed(
            "the server did not start in time",
            detail=f"the folder {request.folder} may be on a file system that does not answer",
        )
    facts = [json.loads(line) for line in output.splitlines()]
    for fact in facts:
        if "step" in fact:
            _kill(child)
            raise launch_error(fact, request.argv, request.folder, request.account)
    if not facts:
        _kill(child)
        raise SpawnFailed("the launcher ended before it could start the command; see the log of the server")
    return _running(child, int(facts[0]["pid"]))


def _running(child: subprocess.Popen[bytes], pid: int) -> LaunchedServer:
    # A dead server remains a zombie, unless its supervisor has reaped it: then only the number is left.
    identity = ProcessIdentity.of(pid) or ProcessIdentity(pid, "gone")
    CHILDREN.add(identity, child)
    return LaunchedServer(identity, child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    child.wait()
