"""Helper that runs one PAM transaction in a separate process: a script, started by path with ``python -I
-S``.

It reads a JSON request from standard input and writes a JSON answer to standard output. It imports only the
standard library and nothing of the hub, so that the process starts in about 20 ms.

It calls PAM through ctypes instead of pamela or python-pam. These do not report whether the password was
correct if the account is refused; release the conversation callback before the account check ends (a module
that sends a message then calls freed memory); sleep after a wrong password, whereas this helper returns
the delay; and pass a password only up to its first NUL.

Source:
    pam_start(3), pam_conv(3), pam_fail_delay(3), pam_set_item(3) of Linux-PAM.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from typing import Any, Final

SUCCESS: Final = 0
CONV_ERR: Final = 19

HIDDEN_PROMPT: Final = 1
SHOWN_PROMPT: Final = 2

ITEM_FAIL_DELAY: Final = 10
ESTABLISH_CRED: Final = 2
DELETE_CRED: Final = 4

MAX_PROMPTS: Final = 16
MAX_NOTES: Final = 8
MAX_NOTE: Final = 300


class Message(Structure):
    """``struct pam_message``."""

    _fields_ = (("style", c_int), ("text", c_char_p))


class Response(Structure):
    """``struct pam_response``; PAM frees the text, so libc must have allocated it."""

    _fields_ = (("text", c_void_p), ("code", c_int))


Converse = CFUNCTYPE(c_int, c_int, POINTER(POINTER(Message)), POINTER(c_void_p), c_void_p)
FailDelay = CFUNCTYPE(None, c_int, c_uint, c_void_p)


class Conversation(Structure):
    """``struct pam_conv``."""

    _fields_ = (("converse", Converse), ("data", c_void_p))


class Transaction:
    """One PAM handle, from pam_start to pam_end.

    Args:
        service: name of the PAM service.
        username: encoded name.
        secrets: answers to hidden prompts, in order; the last one answers all further prompts.
    """

    def __init__(self, service: bytes, username: bytes, secrets: list[bytes]) -> None:
        self._pam = ctypes.CDLL("libpam.so.0")
        self._libc = ctypes.CDLL(None)
        self._declare()
        self._secrets = secrets
        self._prompts = 0
        self._handle = c_void_p()
        self.notes: list[str] = []
        self.delay = 0.0
        self._conversation = Conversation(Converse(self._converse), None)
        self._fail_delay = FailDelay(self._set_delay)
        self.code = int(
            self._pam.pam_start(service, username, byref(self._conversation), byref(self._handle))
        )
        self.started = self.code == SUCCESS
        if self.started:
            delay = ctypes.cast(self._fail_delay, c_void_p)
            self._pam.pam_set_item(self._handle, ITEM_FAIL_DELAY, delay)

    def step(self, function: str, flags: int = 0) -> int:
        """Call a PAM function and return its code; earlier messages of modules are dropped."""
        self.notes.clear()
        self.code = int(getattr(self._pam, function)(self._handle, flags))
        return self.code

    def text(self) -> str:
        """Return PAM's description of the last code."""
        words: bytes | None = self._pam.pam_strerror(self._handle, self.code)
        return (words or b"").decode(errors="replace")

    def end(self) -> None:
        """End the transaction, so that modules clean up."""
        if self.started:
            self._pam.pam_end(self._handle, self.code)

    def _declare(self) -> None:
        for name in (
            "pam_authenticate",
            "pam_acct_mgmt",
            "pam_setcred",
            "pam_open_session",
            "pam_close_session",
        ):
            getattr(self._pam, name).argtypes = [c_void_p, c_int]
        self._pam.pam_start.argtypes = [c_char_p, c_char_p, POINTER(Conversation), POINTER(c_void_p)]
        self._pam.pam_set_item.argtypes = [c_void_p, c_int, c_void_p]
        self._pam.pam_end.argtypes = [c_void_p, c_int]
        self._pam.pam_strerror.argtypes = [c_void_p, c_int]
        self._pam.pam_strerror.restype = c_char_p
        self._libc.calloc.argtypes = [c_size_t, c_size_t]
        self._libc.calloc.restype = c_void_p
        self._libc.strdup.argtypes = [c_char_p]
        self._libc.strdup.restype = c_void_p

    def _converse(self, count: int, messages: Any, answers: Any, _data: object) -> int:
        try:
            filled = self._libc.calloc(count, ctypes.sizeof(Response))
            responses = ctypes.cast(filled, POINTER(Response))
            for number in range(count):
                answer = self._answer(messages[number].contents)
                responses[number].text = None if answer is None else self._libc.strdup(answer)
            answers[0] = filled
        except Exception:  # noqa: BLE001 - ctypes turns an exception in a callback into success
            return CONV_ERR
        return SUCCESS

    def _answer(self, message: Message) -> bytes | None:
        if message.style not in {HIDDEN_PROMPT, SHOWN_PROMPT}:
            if len(self.notes) < MAX_NOTES:
                self.notes.append((message.text or b"").decode(errors="replace")[:MAX_NOTE])
            return None
        self._prompts += 1
        if not self._secrets or self._prompts > MAX_PROMPTS:
            raise LookupError("PAM sends more prompts than there are answers")
        return self._secrets.pop(0) if len(self._secrets) > 1 else self._secrets[0]

    def _set_delay(self, code: int, microseconds: int, _data: object) -> None:
        if code != SUCCESS:
            self.delay = microseconds / 1_000_000


STEPS: Final = {
    "login": (("authenticate", "pam_authenticate", 0), ("account", "pam_acct_mgmt", 0)),
    "authenticate": (("authenticate", "pam_authenticate", 0),),
    "open-session": (("credentials", "pam_setcred", ESTABLISH_CRED), ("session", "pam_open_session", 0)),
    "close-session": (("session", "pam_close_session", 0), ("credentials", "pam_setcred", DELETE_CRED)),
}
"""Steps of each task, executed until one fails."""


def transact(request: dict[str, Any]) -> dict[str, Any]:
    """Execute one request.

    Args:
        request: ``task``, ``service``, and in hexadecimal digits ``username`` and ``secrets``.

    Returns:
        ``step``, the last one executed; ``code`` and ``text`` of PAM; ``notes``, the messages of modules in
        this step; ``delay``, seconds to wait before a wrong login is answered.
    """
    secrets = [bytes.fromhex(secret) for secret in request["secrets"]]
    transaction = Transaction(request["service"].encode(), bytes.fromhex(request["username"]), secrets)
    try:
        step, code = _run_steps(transaction, request["task"])
        return {
            "step": step,
            "code": code,
            "text": transaction.text(),
            "notes": transaction.notes,
            "delay": transaction.delay,
        }
    finally:
        transaction.end()


def _run_steps(transaction: Transaction, task: str) -> tuple[str, int]:
    """Run the steps of a task; return the first that fails, or the last."""
    reached = ("start", transaction.code)
    for step, function, flags in STEPS[task]:
        if reached[1] == SUCCESS:
            reached = (step, transaction.step(function, flags))
    return reached


def main() -> None:
    """Read the request, execute it, and write the answer."""
    with os.fdopen(os.dup(1), "wb", buffering=0) as answer_to, open(0, "rb", closefd=False) as request_from:
        request = json.loads(request_from.read())
        _detach_standard_files()
        signal.alarm(request["seconds"])  # the hub may be gone; do not let PAM hang forever
        try:
            answer = transact(request)
        except Exception as error:  # noqa: BLE001 - reported to the hub
            answer = {"failure": f"{type(error).__name__}: {error}"}
        answer_to.write(json.dumps(answer).encode())
    os._exit(0)  # modules may have left threads and exit handlers behind


def _detach_standard_files() -> None:
    """Keep modules and their child processes from reading the password or writing into the answer."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


if __name__ == "__main__":
    main()
