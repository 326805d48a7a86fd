"""Messages for invalid values of `JupyterHub.db_url` and `JupyterHub.db_kwargs`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from plughub.domain.errors import StartError

_WRONG: Final = (ArgumentError, TypeError, ValueError, AttributeError, LookupError)
"""Exceptions of SQLAlchemy and the drivers for invalid arguments."""
_SUCH_AS: Final = "such as sqlite:///jupyterhub.sqlite or postgresql://user:password@host:5432/hub"


@contextlib.contextmanager
def database_settings(url: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Convert errors of an engine or connection that invalid settings cause.

    Args:
        url: SQLAlchemy URL.
        options: more arguments of `sqlalchemy.create_engine`.

    Raises:
        StartError: a setting is invalid, or the driver is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise StartError(
            f"the driver for the database (JupyterHub.db_url) is not installed: {error.name or error}",
            hint=_driver_hint(url),
        ) from error
    except _WRONG as error:
        if reason := _wrong_url(url):
            raise StartError(f"JupyterHub.db_url is not a database URL: {reason}", hint=_SUCH_AS) from error
        name = "db_kwargs" if options else "db_url"
        raise StartError(
            f"JupyterHub.{name} has a value that the database rejects: {error}",
            hint="db_kwargs are arguments of sqlalchemy.create_engine, the query of db_url is for the driver",
        ) from error


def _wrong_url(url: str) -> str:
    """Return why a text is not a database URL, without the text; empty if it is one."""
    try:
        make_url(url).get_dialect()
    except ArgumentError as error:
        return str(error)
    except ValueError:
        return "its port is not a number"
    except ImportError:
        return ""
    return ""


def _driver_hint(url: str) -> str:
    backend = make_url(url).get_backend_name()
    if backend == "postgresql":
        return "pip install 'plughub[postgresql]'"
    return f"{backend} is not tested: install its driver for Python, or use sqlite:///file or postgresql://…"
