"""Actions on shares: grant one, revoke it, make a share code and accept it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final

from plughub.testing.client import ApiClient
from plughub.testing.crash.scenario import GONE, USER, Action, Scenario, asking
from plughub.testing.crash.users import Browser

OTHER: Final = "ada"
_SHARES: Final = f"/shares/{USER}/"
_CODES: Final = f"/share-codes/{USER}/"


def forget_shares(scenario: Scenario) -> None:
    """Revoke all shares and share codes of the user.

    Args:
        scenario: the scenario.
    """
    scenario.call("DELETE", _SHARES)
    scenario.call("DELETE", _CODES)


def _share(scenario: Scenario) -> object:
    return scenario.call("POST", _SHARES, {"user": OTHER})


def _is_shared(call: ApiClient) -> bool:
    reply = call("GET", _SHARES)
    return reply.status == 200 and [item["user"]["name"] for item in reply.body["items"]] == [OTHER]


def _is_private(call: ApiClient) -> bool:
    reply = call("GET", _SHARES)
    return reply.status == 200 and not reply.body["items"]


def _offer(scenario: Scenario) -> object:
    return scenario.ask("POST", _CODES, {})


def _accept(scenario: Scenario) -> None:
    reply = scenario.ask("POST", _CODES, {})
    if reply is not None:
        with contextlib.suppress(*GONE):
            browser, code = Browser(scenario.hub, OTHER).log_in(), reply.body["code"]
            browser.get(f"/hub/accept-share?code={code}")
            browser.post("/hub/accept-share", code=code)


def _is_offered(call: ApiClient) -> bool:
    return len(call("GET", _CODES).body["items"]) == 1


SHARING_ACTIONS: Final[Mapping[str, Action]] = {
    "share": Action(asking("POST", _SHARES, {"user": OTHER}), _is_shared),
    "unshare": Action(asking("PATCH", _SHARES, {"user": OTHER}), _is_private, _share),
    "share code": Action(_offer, _is_offered),
    "accept share": Action(_accept, _is_shared),
}
"""What is done about sharing, by name."""
