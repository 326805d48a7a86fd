"""The Docker engine: one shared client for each set of settings, with readable errors."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import APIError, DockerException, NotFound, TLSParameterError
from docker.tls import TLSConfig
from docker.utils import kwargs_from_env

from plughub.spawner import SpawnFailed

CONNECTIONS: Final = 64
"""Connections that a client keeps open: more than the threads that use it."""

DEFAULT_ADDRESS: Final = "unix:///var/run/docker.sock"
_REFUSING: Final = ("invalid", "code = InvalidArgument", "code = Unknown")
"""Words by which engines and swarms refuse an argument, whatever the status of the response."""
_REMOTE: Final = frozenset({"tcp", "http", "https", "ssh"})

_REFUSES: Final = "the Docker engine refused the request"
_OUT_OF_REACH: Final = "the hub cannot reach its Docker engine"
_CLIENTS: Final[dict[str, Any]] = {}
_LOCK: Final = threading.Lock()


class EngineError(SpawnFailed):
    """The engine does not answer, or refuses a request.

    Args:
        message: text for the user.
        detail: text for administrators: the attempted action, and the engine's message.
        gone: the object does not exist.
        taken: another object has the name of the new one.
        refused: the engine or its library does not accept an argument, so a retry does not help.
    """

    def __init__(
        self,
        message: str,
        *,
        detail: str = "",
        gone: bool = False,
        taken: bool = False,
        refused: bool = False,
    ) -> None:
        super().__init__(message, detail=detail, retry=not refused)
        self.refused = refused
        self.gone = gone
        self.taken = taken


class IgnoreMissing:
    """Context manager that ignores `EngineError` for an object that no longer exists."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, EngineError) and error.gone


class _Client(docker.APIClient):  # type: ignore[misc]
    """Docker client that verifies with its own CA even when REQUESTS_CA_BUNDLE is set."""

    def merge_environment_settings(
        self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Mapping[str, Any]:
        chosen = self.verify if verify is None else verify
        merged: Mapping[str, Any] = super().merge_environment_settings(url, proxies, stream, chosen, cert)
        return merged


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker engine. Its methods block: call them in threads only.

    Attributes:
        client_kwargs: arguments of `docker.APIClient`.
        tls_config: arguments of `docker.tls.TLSConfig`.
    """

    client_kwargs: Mapping[str, Any]
    tls_config: Mapping[str, Any]

    @property
    def address(self) -> str:
        """URL of the engine."""
        return str(self.client_kwargs.get("base_url") or os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS)

    @property
    def host(self) -> str:
        """Host for ports that the engine publishes on all its addresses."""
        address = urlsplit(self.address)
        return (address.hostname if address.scheme in _REMOTE else "") or "127.0.0.1"

    @contextlib.contextmanager
    def request(self, doing: str = "") -> Iterator[Any]:
        """Yield the client, and convert its errors into `EngineError`.

        Args:
            doing: what failed, for the message, such as "the container cannot be stopped".
        """
        client = self.connect()
        try:
            yield client
        except NotFound as error:
            raise EngineError(_REFUSES, detail=_refusal(doing, error), gone=True) from error
        except APIError as error:
            taken = error.status_code == HTTPStatus.CONFLICT
            message = str(error.explanation)
            refused = error.status_code == HTTPStatus.BAD_REQUEST or any(
                words in message for words in _REFUSING
            )
            raise EngineError(
                _REFUSES, detail=_refusal(doing, error), taken=taken, refused=refused
            ) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._unreachable(error) from error
        except DockerException as error:
            raise EngineError(
                _REFUSES, detail=f"{doing or 'the Docker library'}: {error}", refused=True
            ) from error

    def connect(self) -> Any:
        """Return the client, whose errors are those of the Docker library.

        Raises:
            EngineError: the engine does not answer, or the settings of the client are invalid.
        """
        try:
            return self._client()
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._unreachable(error) from error
        except (TLSParameterError, TypeError, ValueError) as error:
            raise EngineError(
                _OUT_OF_REACH,
                detail=f"DockerSpawner.client_kwargs or DockerSpawner.tls_config is invalid: {error}",
                refused=True,
            ) from error
        except DockerException as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> EngineError:
        detail = f"the Docker engine at {self.address} cannot be reached: {_cause(error)}"
        return EngineError(_OUT_OF_REACH, detail=detail)

    def _client(self) -> Any:
        """Return the shared client. It is thread-safe: it holds nothing but its pool of connections."""
        key = repr((sorted(self._arguments().items(), key=str), sorted(self.tls_config.items(), key=str)))
        with _LOCK:
            if found := _CLIENTS.get(key):
                return found
        created = _Client(**{"version": "auto", "max_pool_size": CONNECTIONS, **self._arguments()})
        with _LOCK:
            client = _CLIENTS.setdefault(key, created)
        if client is not created:
            created.close()
        return client

    def _arguments(self) -> dict[str, Any]:
        tls = {"tls": TLSConfig(**self.tls_config)} if self.tls_config else {}
        return {**tls, **kwargs_from_env(), **self.client_kwargs}


def _refusal(doing: str, error: APIError) -> str:
    message = str(error.explanation or error).strip()
    return f"{doing}: {message}" if doing else f"the Docker engine reports: {message}"


def _cause(error: BaseException) -> str:
    """Return the root cause from a chain of errors of several libraries."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
            return "it is not running"
        if isinstance(cause, PermissionError):
            return "the hub's user has no permission to use it (is the user in the group docker?)"
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
