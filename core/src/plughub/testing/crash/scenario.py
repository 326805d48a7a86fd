"""Where something is done to a hub, and what a deed is."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plughub.testing.client import ApiClient, Reply
from plughub.testing.crash.environments import Environment
from plughub.testing.hub import HubProcess

USER: Final = "bob"
GONE: Final = (OSError, http.client.HTTPException, json.JSONDecodeError)
"""What a caller sees of a hub that dies."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Where something is done.

    Attributes:
        hub: the hub.
        call: the API, with all rights.
        ground: where servers run.
        mark: of the hub.
        order: file that arms the crash points.
    """

    hub: HubProcess
    call: ApiClient
    ground: Environment
    mark: str
    order: Path

    def ask(self, method: str, path: str, body: object = None) -> Reply | None:
        """Call the API of a hub that may die.

        Args:
            method: of HTTP.
            path: below ``/hub/api``.
            body: sent as JSON.

        Returns:
            The answer; None when the hub died.
        """
        try:
            return self.call(method, path, body)
        except GONE:
            return None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is done.

    Attributes:
        do: does it; the hub may die meanwhile. What it answers is the hub's answer, if it is one.
        done: tells whether it is done.
        prepare: brings a hub on which nothing of the user runs to where it can be done.
        cuts_connections: open connections of others end by it.
        among: only steps in which this pattern is found are taken; all when it is empty.
    """

    do: Callable[[Scenario], object]
    done: Callable[[ApiClient], bool]
    prepare: Callable[[Scenario], object] = lambda _scene: None
    cuts_connections: bool = False
    among: str = ""


def asking(method: str, path: str, body: object = None) -> Callable[[Scenario], Reply | None]:
    """Make a deed of one call of the API.

    Args:
        method: of HTTP.
        path: below ``/hub/api``.
        body: sent as JSON.

    Returns:
        What does it.
    """
    return lambda scene: scene.ask(method, path, body)
