"""PAM transactions in a separate process, which may crash or hang without affecting the hub."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from plughub.errors import UnavailableError
from plughub_pam.verdict import Answer

HELPER: Final = Path(__file__).with_name("helper.py")
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
"""The whole environment of PAM modules, without secrets of the hub."""
_SECONDS_TO_DIE: Final = 5


class PamError(UnavailableError):
    """PAM could not decide: a module crashed, hung or is misconfigured.

    Args:
        service: name of the PAM service.
        problem: what went wrong.
    """

    def __init__(self, service: str, problem: str) -> None:
        super().__init__(f"PAM service {service!r}: {problem}; see /etc/pam.d/{service} and the system's log")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A request to PAM.

    Attributes:
        task: ``login``, ``authenticate`` (without the account check), ``open-session`` or ``close-session``.
        service: name of the PAM service.
        username: encoded name.
        timeout: seconds after which the helper is killed.
    """

    task: str
    service: str
    username: bytes
    timeout: float

    def run(self, secrets: Sequence[bytes] = ()) -> Answer:
        """Run the transaction and return the answer. Blocks.

        Args:
            secrets: answers to PAM's hidden prompts, in order.

        Raises:
            PamError: there is no answer.
        """
        try:
            helper = _start()
        except OSError as error:
            raise PamError(self.service, f"its helper process cannot be started: {error}") from error
        try:
            answer, _ = helper.communicate(self._request(secrets), self.timeout)
        except subprocess.TimeoutExpired as error:
            raise PamError(self.service, f"no answer within {self.timeout:g} s") from error
        finally:
            _end(helper)
        return self._parse_answer(answer, helper.returncode)

    def _request(self, secrets: Sequence[bytes]) -> bytes:
        request = {
            "task": self.task,
            "service": self.service,
            "username": self.username.hex(),
            "secrets": [secret.hex() for secret in secrets],
            "seconds": int(self.timeout) + _SECONDS_TO_DIE,
        }
        return json.dumps(request).encode()

    def _parse_answer(self, answer: bytes, exit_code: int) -> Answer:
        if not answer:
            raise PamError(
                self.service, f"its helper process ended without an answer ({_exit_reason(exit_code)})"
            )
        try:
            fields = json.loads(answer)
        except ValueError as error:
            raise PamError(self.service, "its helper process ended before its answer was complete") from error
        if "failure" in fields:
            raise PamError(self.service, fields["failure"])
        return Answer(**fields)


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter and file
        [sys.executable, "-I", "-S", str(HELPER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )


def _end(helper: subprocess.Popen[bytes]) -> None:
    """Kill a helper that still runs, with all processes that its modules started, and close its pipes."""
    if helper.returncode is None:
        started = _descendants(helper.pid)  # pam_exec starts processes in separate sessions
        helper.kill()
        for process in started:
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            helper.wait(_SECONDS_TO_DIE)
    for pipe in (helper.stdin, helper.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _exit_reason(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
