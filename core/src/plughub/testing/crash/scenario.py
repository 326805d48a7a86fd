"""The hub on which actions are carried out, and the form of an action."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plughub.testing.client import ApiClient, Reply
from plughub.testing.crash.spawner_inspectors import SpawnerInspector
from plughub.testing.hub import HubProcess

USER: Final = "bob"
GONE: Final = (OSError, http.client.HTTPException, json.JSONDecodeError)
"""Errors that a client of a dying hub gets."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A hub and the means to act on it.

    Attributes:
        hub: the hub.
        call: client of the API with all permissions.
        inspector: finds what the spawner launched.
        mark: of the hub.
        order: file with the order to the crash points.
    """

    hub: HubProcess
    call: ApiClient
    inspector: SpawnerInspector
    mark: str
    order: Path

    def ask(self, method: str, path: str, body: object = None) -> Reply | None:
        """Call the API of a hub that may crash.

        Args:
            method: of HTTP.
            path: below ``/hub/api``.
            body: sent as JSON.

        Returns:
            The response; None when the hub crashed.
        """
        try:
            return self.call(method, path, body)
        except GONE:
            return None


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a user or administrator.

    Attributes:
        do: carries the action out; the hub may crash meanwhile. Returns the hub's response, if any.
        done: returns whether the action has taken effect.
        prepare: prepares a hub on which none of the user's servers runs.
        cuts_connections: whether the action closes open connections of other users.
        among: test only steps that match this pattern; all steps when empty.
    """

    do: Callable[[Scenario], object]
    done: Callable[[ApiClient], bool]
    prepare: Callable[[Scenario], object] = lambda _scenario: None
    cuts_connections: bool = False
    among: str = ""


def asking(method: str, path: str, body: object = None) -> Callable[[Scenario], Reply | None]:
    """Make an action of one API call.

    Args:
        method: of HTTP.
        path: below ``/hub/api``.
        body: sent as JSON.

    Returns:
        The function for `Action.do`.
    """
    return lambda scenario: scenario.ask(method, path, body)
