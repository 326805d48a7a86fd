"""Client of a hub's API for tests."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from plughub.testing.conditions import wait_for
from plughub.testing.hub import HubProcess

TIMEOUT: Final = 90
_PAUSE: Final = 0.05
_QUESTIONS: Final = 8


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the API.

    Attributes:
        status: HTTP status.
        body: the JSON, None when there is none.
        seconds: duration of the call.
    """

    status: int
    body: Any
    seconds: float


class ApiClient:
    """Client of the API with a token.

    Args:
        url: of the hub, with a slash at the end.
        token: sent with every call.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._prefix = f"{parts.path}hub/api"
        self._token = token

    def __call__(self, method: str, path: str, body: Any = None) -> Reply:
        """Call the API once.

        Args:
            method: of HTTP.
            path: below ``/hub/api``.
            body: sent as JSON.

        Returns:
            The answer.
        """
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        begin = time.monotonic()
        try:
            connection.request(
                method,
                f"{self._prefix}{path}",
                body=None if body is None else json.dumps(body),
                headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return Reply(answer.status, json.loads(text) if text.strip() else None, time.monotonic() - begin)

    def at(self, hub: HubProcess) -> ApiClient:
        """Make a client with the same token that talks to one process of the hub, past the proxy.

        Args:
            hub: the process.

        Returns:
            The client.
        """
        return ApiClient(f"{hub.hub_url}/", self._token)

    def until(self, path: str, holds: Callable[[Any], bool], seconds: float = 30) -> Any:
        """Repeat a GET until its response meets a condition.

        Args:
            path: below ``/hub/api``.
            holds: the condition on the body.
            seconds: how long.

        Returns:
            The answer.

        Raises:
            AssertionError: the condition was not met in time; with the last response.
        """
        ends = time.monotonic() + seconds
        while not holds(body := self("GET", path).body):
            if time.monotonic() > ends:
                raise AssertionError(f"{path} is still {body}")
            time.sleep(_PAUSE)
        return body


def client_of(hub: HubProcess, user: str, *, past_the_proxy: bool = False) -> ApiClient:
    """Make a client with a new token of a user, who is stored if necessary.

    Args:
        hub: a running hub.
        user: the user.
        past_the_proxy: talk to the hub's own listener.

    Returns:
        The client.
    """
    command = [hub.python, "-m", "plughub", "token", user]
    run = subprocess.run(command, cwd=hub.folder, env=hub.env, check=True, capture_output=True, text=True)
    return ApiClient(f"{hub.hub_url}/" if past_the_proxy else hub.url, run.stdout.strip())


def start_again(hub: HubProcess) -> None:
    """Start a hub that was killed, and wait until the proxy that kept running passes requests to it.

    HAProxy checks a hub that failed five times a second; until then it answers 503 for it.

    Args:
        hub: a hub that the proxy serves without TLS.
    """
    hub.start()
    address = urlsplit(hub.url)

    def is_served() -> bool:
        connection = http.client.HTTPConnection(address.netloc, timeout=30)
        try:
            connection.request("GET", f"{address.path}hub/api/")
            return connection.getresponse().status != HTTPStatus.SERVICE_UNAVAILABLE
        finally:
            connection.close()

    wait_for(is_served)


def until_all_serve(hubs: Sequence[HubProcess], call: ApiClient, seconds: float = 30) -> None:
    """Wait until all hub processes behind one proxy run and the proxy balances over all of them.

    Args:
        hubs: the processes.
        call: talks to the proxy, with a token that holds ``read:hub``.
        seconds: how long.

    Raises:
        AssertionError: the proxy does not use all of them in time.
    """
    ends, found = time.monotonic() + seconds, set[str]()
    while not all(hub.url for hub in hubs) or len(found := hubs_behind(call)) < len(hubs):
        if time.monotonic() > ends:
            raise AssertionError(f"the proxy does not lead to all hubs, but to {found}")
        time.sleep(_PAUSE)


def hubs_behind(call: ApiClient) -> set[str]:
    """Find out which hub processes the proxy uses.

    Args:
        call: talks to the proxy, with a token that holds ``read:hub``.

    Returns:
        Their ids, as shown by their health pages.
    """
    answers = [call("GET", "/health") for _ in range(_QUESTIONS)]
    return {answer.body["hub"] for answer in answers if answer.status == HTTPStatus.OK}
