"""Exit codes of a failed start, which tell a service manager whether to start the hub again."""

import errno
import socket

import pytest

from plughub.domain.errors import (
    MISTAKE,
    RETRY,
    InvalidError,
    StartError,
    UnavailableError,
    exit_code_of,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StartError("a setting"), MISTAKE),
        (StartError("the port is in use", exit_code=RETRY), RETRY),
        (InvalidError("no name"), MISTAKE),
        (UnavailableError("the database is away"), RETRY),
        (TimeoutError(), RETRY),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), RETRY),
        (OSError(errno.EADDRINUSE, "in use"), RETRY),
        (OSError(errno.EADDRNOTAVAIL, "the network is not up yet"), RETRY),
        (OSError(errno.ENOSPC, "full"), RETRY),
        (socket.gaierror(socket.EAI_AGAIN, "no answer"), RETRY),
        (socket.gaierror(socket.EAI_NONAME, "no such host"), MISTAKE),
        (PermissionError(errno.EACCES, "not allowed"), MISTAKE),
        (FileNotFoundError(errno.ENOENT, "missing"), MISTAKE),
        (OSError(errno.EROFS, "read-only"), MISTAKE),
    ],
)
def test_temporary_errors_are_retried_and_permanent_ones_are_not(error, code):
    assert exit_code_of(error) == code
    assert exit_code_of(error, unsure=3) == code


def test_an_unknown_error_gets_the_default_of_the_caller():
    assert exit_code_of(ValueError("odd")) == MISTAKE
    assert exit_code_of(ValueError("odd"), unsure=RETRY) == RETRY
