"""The errors of the hub.

::

    HubError
    ├── InvalidError        the request is invalid                 400
    │   └── TooLargeError   the request is too large               413
    ├── UnauthorizedError   login required                         403
    ├── ForbiddenError      permission denied                      403
    │   └── UnconfirmedError   the login is too old                403
    ├── NotFoundError       missing, or invisible to the user      404
    ├── ReadOnlyError       set in the configuration               405
    ├── ConflictError       exists already, or wrong state         409
    ├── TooManyError        a limit is reached                     429
    ├── SpawnFailedError    the server did not start               500
    ├── UnavailableError    database or plugin is unavailable      503
    ├── PluginError         a plugin failed                        500
    │   └── PluginTimeoutError
    └── StartError          the hub cannot start                   exit code

Only `plughub.web` maps them to HTTP statuses, and only `plughub.cli` maps them to exit codes.
"""

from __future__ import annotations

import errno
import socket
from typing import Final

RETRY: Final = 1
"""Exit code if a later start may succeed: a port in use, an unreachable database, an unexpected error."""
MISTAKE: Final = 2
"""Exit code of a permanent error: another start fails until an administrator corrects it."""

_LASTING: Final = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG),
        *(errno.EINVAL, errno.EAFNOSUPPORT, socket.EAI_NONAME),
    }
)
"""Permanent errors of the operating system."""


class HubError(Exception):
    """Base class of errors whose message can be shown to a user.

    Args:
        message: what happened, for a user.
        hint: what to do about it.
        detail: more for administrators and the log.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}: {self.detail}" if self.detail else self.message


class InvalidError(HubError):
    """The request is invalid."""


class TooLargeError(InvalidError):
    """The request, or a value to store, is too large."""


class UnauthorizedError(HubError):
    """The request has no login and no token."""


class ForbiddenError(HubError):
    """The user or service has no permission."""


class UnconfirmedError(ForbiddenError):
    """The login is too old for the action: the user must prove their identity again.

    Args:
        confirm_url: path of the page for that.
    """

    def __init__(self, confirm_url: str) -> None:
        super().__init__("Confirm your identity first: you logged in some time ago.")
        self.confirm_url = confirm_url


class NotFoundError(HubError):
    """The resource does not exist, or the user may not see it."""


class ReadOnlyError(HubError):
    """The value is set in the configuration and cannot be changed while the hub runs."""


class ConflictError(HubError):
    """The resource exists already or is in the wrong state."""


class TooManyError(HubError):
    """A limit set by the administrator is reached.

    Args:
        message: what happened, for a user.
        retry_after: seconds until another attempt makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 30) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SpawnFailedError(HubError):
    """A server did not start.

    Args:
        message: what happened, for a user.
        html: the message with markup.
        logs: last lines of the server's output.
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
    """The database or a plugin is temporarily unavailable.

    Args:
        message: what happened, for a user.
        retry_after: seconds until another attempt makes sense.
    """

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FailedLoginError(UnavailableError):
    """An authenticator failed, and no other one knows the user."""

    def __init__(self) -> None:
        super().__init__(
            "One way of logging in is out of order. Check your password, and try again later. If that does "
            "not help, tell the administrator of this hub."
        )


class PluginError(HubError):
    """A plugin failed in a hook.

    Args:
        plugin: its name.
        hook: the hook that failed.
        reason: the plugin's error, for administrators and the log.
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
        message: what happened, for an administrator.
        hint: what to do about it.
        exit_code: `MISTAKE`, or `RETRY` if a later start may succeed.
        plugin: the plugin that failed; empty if none did.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = MISTAKE, plugin: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self.plugin = plugin


def exit_code_of(error: BaseException | None, unsure: int = MISTAKE) -> int:
    """Return the exit code for an error that prevents a start.

    Args:
        error: the error.
        unsure: the exit code for errors of unknown permanence.

    Returns:
        `RETRY` if a later start may succeed, otherwise `MISTAKE`.
    """
    if isinstance(error, StartError):
        return error.exit_code
    if isinstance(error, UnavailableError | TimeoutError):
        return RETRY
    if isinstance(error, OSError):
        return MISTAKE if error.errno in _LASTING else RETRY
    return MISTAKE if isinstance(error, InvalidError) else unsure
