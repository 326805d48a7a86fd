"""Starting a server from the hub: the launcher gets its orders and reports until it has become the server."""

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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from plughub.processes import ProcessIdentity, limit_of_launched
from plughub.spawner import SpawnFailed
from plughub_localprocess.accounts import Account
from plughub_localprocess.children import CHILDREN
from plughub_localprocess.explanations import explain_step

LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))
OURS: Final = frozenset(
    {"args", "env", "stdin", "preexec_fn", "pass_fds", "close_fds", "start_new_session", "process_group"}
    | {"cwd", "user", "group", "extra_groups", "shell", "executable", "text", "encoding"}
)
"""Arguments of Popen that the launch itself decides about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrders:
    """What the launcher is told.

    Attributes:
        argv: the command; no secret belongs in it.
        environment: the environment of the server. Secret.
        folder: where the server runs.
        account: the system user to become; None for no switch.
        leader: name of the plugin, by which its inventory knows its own.
        username: login name for the PAM session.
        pam_service: PAM service for a session; empty for none.
    """

    argv: list[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: str
    account: Account | None
    leader: str
    username: str = ""
    pam_service: str = ""

    def as_line(self) -> bytes:
        """The orders as the launcher reads them."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class LaunchedServer:
    """A server that runs.

    Attributes:
        identity: its process.
        child: the same process, or the keeper of its session.
    """

    identity: ProcessIdentity
    child: subprocess.Popen[bytes]


def launch(
    orders: LaunchOrders, output: int, timeout: float, popen_kwargs: Mapping[str, Any]
) -> LaunchedServer:
    """Start a server. Blocks until the command runs.

    Args:
        orders: what to start, where and as whom.
        output: descriptor for what it writes.
        timeout: seconds for the launcher to become the server.
        popen_kwargs: further arguments of Popen.

    Returns:
        The process.

    Raises:
        SpawnFailed: a step failed; the message names it.
    """
    listen, report = os.pipe()
    try:
        try:
            child = _start_launcher(orders, output, report, popen_kwargs)
        finally:
            os.close(report)
        _give_orders(child, orders)
        return _listen(child, orders, listen, time.monotonic() + timeout)
    finally:
        os.close(listen)


def _start_launcher(
    orders: LaunchOrders, output: int, report: int, popen_kwargs: Mapping[str, Any]
) -> subprocess.Popen[bytes]:
    program = ["-m", "plughub_localprocess.keeper"] if orders.pam_service else ["-S", LAUNCHER]
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
        raise SpawnFailed("no process can be started on the machine of the hub", detail=str(error)) from error
    _limit_descriptors(child)
    return child


def _limit_descriptors(child: subprocess.Popen[bytes]) -> None:
    """Give a launcher the limit with which the hub was started; it waits for its orders meanwhile."""
    with contextlib.suppress(OSError):
        _, hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (min(limit_of_launched(), hard), hard))


def _give_orders(child: subprocess.Popen[bytes], orders: LaunchOrders) -> None:
    with contextlib.suppress(BrokenPipeError), child.stdin or contextlib.nullcontext() as orders_pipe:
        if orders_pipe is not None:
            orders_pipe.write(orders.as_line())


def _listen(
    child: subprocess.Popen[bytes], orders: LaunchOrders, listen: int, deadline: float
) -> LaunchedServer:
    said = b""
    # Not select(): it knows no descriptor above 1023, and a busy hub has more.
    waiting = select.poll()
    waiting.register(listen, select.POLLIN)
    while waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
        heard = os.read(listen, 65536)
        if not heard:
            break
        said += heard
    else:
        _give_up(child)
        raise SpawnFailed(
            "the server did not begin to run in time",
            detail=f"the folder {orders.folder} may be on a file system that does not answer",
        )
    facts = [json.loads(line) for line in said.splitlines()]
    for fact in facts:
        if "step" in fact:
            _give_up(child)
            raise explain_step(fact, orders.argv, orders.folder, orders.account)
    if not facts:
        _give_up(child)
        raise SpawnFailed(
            "the launcher ended before it could start the command; the log of the server says why"
        )
    return _running(child, int(facts[0]["pid"]))


def _running(child: subprocess.Popen[bytes], pid: int) -> LaunchedServer:
    # A server that is dead already is still a zombie, unless a keeper has buried it: only the number is left.
    identity = ProcessIdentity.of(pid) or ProcessIdentity(pid, "gone")
    CHILDREN.keep(identity, child)
    return LaunchedServer(identity, child)


def _give_up(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    child.wait()
