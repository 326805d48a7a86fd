"""The errors of the hub.

::

    HubError
    ├── InvalidError        the request makes no sense             400
    │   └── TooLargeError   it is longer than the hub takes        413
    ├── UnauthorizedError   nobody is logged in                    403
    ├── ForbiddenError      known, but not allowed                 403
    │   └── UnconfirmedError   the login is too old for it          403
    ├── NotFoundError       no such thing, or not to be seen       404
    ├── ReadOnlyError       stands in the configuration            405
    ├── ConflictError       exists already, or is in the wrong state  409
    ├── TooManyError        a limit that the administrator set     429
    ├── SpawnFailedError    the server did not start               500
    ├── UnavailableError    database or plugin out of order        503
    ├── PluginError         a plugin failed                        500
    │   └── PluginTimeoutError
    └── StartError          the hub itself cannot start            exit code

`plughub.web` maps them to statuses, `plughub.cli` to exit codes; nobody else does either.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

RETRY: Final = 1
"""Exit code when a later start may succeed: a port in use, a database that is away, an unexpected error."""
MISTAKE: Final = 2
"""Exit code for what stays wrong until it is corrected: starting the hub again cannot help."""

_LASTING: Final = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG),
        *(errno.EINVAL, errno.EAFNOSUPPORT, socket.EAI_NONAME),
    }
)
"""Errors of the operating system that waiting does not end."""


class HubError(Exception):
    """Something went wrong in a way that a person can be told.

    Args:
        message: what happened, for a person.
        hint: what to do about it.
        detail: what administrators and the log get besides.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


class InvalidError(HubError):
    """The request makes no sense."""


class TooLargeError(InvalidError):
    """The request, or what it wants stored, is longer than the hub takes."""


class UnauthorizedError(HubError):
    """Nobody is logged in."""


class ForbiddenError(HubError):
    """Known, but not allowed."""


class UnconfirmedError(ForbiddenError):
    """The login is too old for it: the user has to prove again who they are.

    Args:
        confirm_url: path of the page where they can.
    """

    def __init__(self, confirm_url: str) -> None:
        super().__init__("Confirm that it is you first: you logged in some time ago.")
        self.confirm_url = confirm_url


class NotFoundError(HubError):
    """There is no such thing, or it is not to be seen."""


class ReadOnlyError(HubError):
    """It stands in the configuration and cannot be changed while the hub runs."""


class ConflictError(HubError):
    """It exists already, or it is in the wrong state."""


class TooManyError(HubError):
    """A limit that the administrator set is reached.

    Args:
        message: what happened, for a person.
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 30) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SpawnFailedError(HubError):
    """A server did not start.

    Args:
        message: what happened, for a person.
        html: the same with markup.
        logs: last lines that the server wrote.
        status: HTTP status of the answer.
    """

    def __init__(
        self, message: str, *, html: str = "", logs: tuple[str, ...] = (), status: int = 500
    ) -> None:
        super().__init__(message)
        self.html = html
        self.logs = logs
        self.status = status


class UnavailableError(HubError):
    """The database or a plugin is out of order for now.

    Args:
        message: what happened, for a person.
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PluginError(HubError):
    """A plugin failed in a hook.

    Args:
        plugin: its name.
        hook: the hook that failed.
        reason: what it said, for administrators and the log.
    """

    def __init__(self, plugin: str, hook: str, reason: str) -> None:
        super().__init__(f"plugin {plugin!r} failed", detail=reason)
        self.plugin = plugin
        self.hook = hook
        self.reason = reason

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} failed in {self.hook}: {self.reason}"


class PluginTimeoutError(PluginError):
    """A plugin did not answer in time."""


class StartError(HubError):
    """The hub cannot start.

    Args:
        message: what happened, for a person.
        hint: what to do about it.
        exit_code: `MISTAKE`, or `RETRY` when a later start may succeed.
        plugin: the plugin that failed; empty when it was none.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = MISTAKE, plugin: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.plugin = plugin


def exit_code_of(error: BaseException | None, unsure: int = MISTAKE) -> int:
    """Tell whether a start that failed may succeed when it is tried again.

    Args:
        error: why it failed.
        unsure: the answer for an error that does not say.

    Returns:
        `RETRY` or `MISTAKE`.
    """
    if isinstance(error, StartError):
        return error.exit_code
    if isinstance(error, UnavailableError | TimeoutError):
        return RETRY
    if isinstance(error, OSError):
        return MISTAKE if error.errno in _LASTING else RETRY
    return MISTAKE if isinstance(error, InvalidError) else unsure
