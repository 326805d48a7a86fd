"""Public errors that plugins raise or catch."""

from plughub.domain.errors import (
    MISTAKE,
    RETRY,
    ConflictError,
    ForbiddenError,
    HubError,
    InvalidError,
    NotFoundError,
    PluginError,
    StartError,
    UnavailableError,
    exit_code_of,
)

__all__ = [
    "MISTAKE",
    "RETRY",
    "ConflictError",
    "ForbiddenError",
    "HubError",
    "InvalidError",
    "NotFoundError",
    "PluginError",
    "StartError",
    "UnavailableError",
    "exit_code_of",
]
