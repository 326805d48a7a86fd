"""The Docker engine: one client for each set of settings, and its errors said so that people understand."""

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
"""Connections that a client keeps open; more than there are threads that use it."""

DEFAULT_ADDRESS: Final = "unix:///var/run/docker.sock"
_REFUSING: Final = ("invalid", "code = InvalidArgument", "code = Unknown")
"""Words with which engines and swarms refuse an argument, whatever the status of the answer."""
_REMOTE: Final = frozenset({"tcp", "http", "https", "ssh"})

_REFUSES: Final = "the Docker engine refuses it"
_OUT_OF_REACH: Final = "the hub cannot reach its Docker engine"
_CLIENTS: Final[dict[str, Any]] = {}
_LOCK: Final = threading.Lock()


class EngineError(SpawnFailed):
    """The engine does not answer, or refuses.

    Args:
        message: what the user reads.
        detail: what administrators read besides: what was done, and what the engine says.
        gone: what was asked for does not exist.
        taken: what was to be made has a name that something else has.
        refused: the engine or its library does not take an argument; asking again does not help.
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
    """Within it something is done with what may not exist any more: that it is gone is no error."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, EngineError) and error.gone


class _Client(docker.APIClient):  # type: ignore[misc]
    """A client that keeps to the authority that it is told, whatever REQUESTS_CA_BUNDLE says."""

    def merge_environment_settings(
        self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Mapping[str, Any]:
        chosen = self.verify if verify is None else verify
        merged: Mapping[str, Any] = super().merge_environment_settings(url, proxies, stream, chosen, cert)
        return merged


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine. Its methods block: they are called in threads only.

    Attributes:
        client_kwargs: arguments of `docker.APIClient`.
        tls_config: arguments of `docker.tls.TLSConfig`.
    """

    client_kwargs: Mapping[str, Any]
    tls_config: Mapping[str, Any]

    @property
    def address(self) -> str:
        """Where the engine is."""
        return str(self.client_kwargs.get("base_url") or os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS)

    @property
    def host(self) -> str:
        """Host at which ports are reached that the engine publishes on all its addresses."""
        address = urlsplit(self.address)
        return (address.hostname if address.scheme in _REMOTE else "") or "127.0.0.1"

    @contextlib.contextmanager
    def asked(self, doing: str = "") -> Iterator[Any]:
        """Hand out the client; what goes wrong inside is raised as `EngineError`.

        Args:
            doing: what is being done, for the message.
        """
        client = self._connected()
        try:
            yield client
        except NotFound as error:
            raise EngineError(_REFUSES, detail=_refusal(doing, error), gone=True) from error
        except APIError as error:
            taken = error.status_code == HTTPStatus.CONFLICT
            said = str(error.explanation)
            refused = error.status_code == HTTPStatus.BAD_REQUEST or any(words in said for words in _REFUSING)
            raise EngineError(
                _REFUSES, detail=_refusal(doing, error), taken=taken, refused=refused
            ) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._unreachable(error) from error
        except DockerException as error:
            raise EngineError(
                _REFUSES, detail=f"{doing or 'the Docker library'}: {error}", refused=True
            ) from error

    def _connected(self) -> Any:
        try:
            return self._client()
        except (requests.exceptions.RequestException, OSError) as error:
            raise self._unreachable(error) from error
        except (TLSParameterError, TypeError, ValueError) as error:
            raise EngineError(
                _OUT_OF_REACH,
                detail=f"DockerSpawner.client_kwargs or DockerSpawner.tls_config cannot be used: {error}",
                refused=True,
            ) from error
        except DockerException as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> EngineError:
        detail = f"the Docker engine at {self.address} cannot be reached: {_cause(error)}"
        return EngineError(_OUT_OF_REACH, detail=detail)

    def _client(self) -> Any:
        """The client is shared by all threads: its connections are pooled, and it holds nothing else."""
        key = repr((sorted(self._arguments().items(), key=str), sorted(self.tls_config.items(), key=str)))
        with _LOCK:
            if found := _CLIENTS.get(key):
                return found
        made = _Client(**{"version": "auto", "max_pool_size": CONNECTIONS, **self._arguments()})
        with _LOCK:
            kept = _CLIENTS.setdefault(key, made)
        if kept is not made:
            made.close()
        return kept

    def _arguments(self) -> dict[str, Any]:
        tls = {"tls": TLSConfig(**self.tls_config)} if self.tls_config else {}
        return {**tls, **kwargs_from_env(), **self.client_kwargs}


def _refusal(doing: str, error: APIError) -> str:
    said = str(error.explanation or error).strip()
    return f"{doing}: {said}" if doing else f"the Docker engine says: {said}"


def _cause(error: BaseException) -> str:
    """Find what a chain of errors of several libraries is about."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, FileNotFoundError | ConnectionRefusedError):
            return "it does not run"
        if isinstance(seen, PermissionError):
            return "the hub's user may not use it (is it in the group docker?)"
        seen = seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__
