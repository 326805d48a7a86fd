"""Actions on the hub as a whole and on services: start, end, change, death."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from plughub.testing.client import ApiClient, Reply
from plughub.testing.crash.scenario import Action, Scenario, asking
from plughub.testing.crash.services import NAME
from plughub.testing.crash.spawner_inspectors import services_of

SERVICES: Final = "services.json"
"""The file in the hub's folder with its configured services."""
HELPER: Final = "helper"
EXTRA: Final = "extra"
_MADE: Final = "made"
_ROUTE: Final = f"/services/{_MADE}/"
_NEW: Final = {"url": "http://127.0.0.1:9", "api_token": "of-a-service-that-was-made"}
_VERSION: Final = "VERSION"
_ENDS_WITHIN: Final = 60.0
_OF_SERVICES: Final = "ManagedServices|process|signal"


def configure_services(folder: Path, version: int = 0) -> None:
    """Write the configuration of services for the next start of a hub.

    Args:
        folder: of the hub.
        version: of the second one; 0 for none.
    """
    extra = _helper(EXTRA) | {"info": {_VERSION: version}, "environment": {_VERSION: str(version)}}
    (folder / SERVICES).write_text(json.dumps([_helper(HELPER), *([extra] if version else [])]))


def _helper(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "command": ["sleep", "infinity"],
        "oauth_client_id": f"service-{name}",
        "oauth_redirect_uri": "http://127.0.0.1:9/callback",
    }


def forget_services(scenario: Scenario) -> None:
    """Delete the service that was made through the API.

    Args:
        scenario: the scenario.
    """
    scenario.call("DELETE", f"/services/{_MADE}")
    scenario.call.until("/proxy", lambda routes: _ROUTE not in routes)


def _have_made(scenario: Scenario) -> None:
    scenario.call("POST", f"/services/{_MADE}", _NEW)
    scenario.call.until("/proxy", lambda routes: _ROUTE in routes)


def _have_extra(scenario: Scenario) -> None:
    if not _is_there(scenario.call, EXTRA):
        _restart(scenario, 1)
    scenario.call.until("/info", lambda _: _serves(scenario.call))


def _have_none(scenario: Scenario) -> None:
    if _is_there(scenario.call, EXTRA):
        _restart(scenario, 0)
    # The next hub would adopt a process that has not ended yet.
    scenario.call.until("/info", lambda _: {HELPER} == _names(scenario))


def _names(scenario: Scenario) -> set[str]:
    return {environment[NAME] for _, environment in services_of(scenario.mark)}


def _restart(scenario: Scenario, version: int) -> None:
    configure_services(scenario.hub.folder, version)
    scenario.hub.kill()
    scenario.hub.start()


def _configure(version: int) -> Callable[[Scenario], None]:
    """Return an action that kills the hub and starts it with other services; the start may crash."""

    def do(scenario: Scenario) -> None:
        with contextlib.suppress(AssertionError):
            _restart(scenario, version)

    return do


def _change(scenario: Scenario) -> None:
    version = scenario.call("GET", f"/services/{EXTRA}").body["info"][_VERSION]
    _configure(version + 1)(scenario)


def _process(call: ApiClient, name: str) -> psutil.Process | None:
    reply = call("GET", f"/services/{name}")
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(reply.body["pid"]) if reply.status == 200 and reply.body["pid"] else None
        return found if found and found.status() != psutil.STATUS_ZOMBIE else None
    return None


def _serves(call: ApiClient) -> bool:
    """Return whether the second service runs as configured."""
    process, reply = _process(call, EXTRA), call("GET", f"/services/{EXTRA}")
    with contextlib.suppress(psutil.Error, KeyError):
        return process is not None and process.environ()[_VERSION] == str(reply.body["info"][_VERSION])
    return False


def _kill_service(scenario: Scenario) -> None:
    for process, _ in services_of(scenario.mark):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _end(*, servers: bool, proxy: bool) -> Callable[[Scenario], Reply | None]:
    def do(scenario: Scenario) -> Reply | None:
        reply = scenario.ask("POST", "/shutdown", {"servers": servers, "proxy": proxy})
        if scenario.hub.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                scenario.hub.process.wait(_ENDS_WITHIN)
        return reply

    return do


def _is_there(call: ApiClient, name: str) -> bool:
    return call("GET", f"/services/{name}").status == 200


def _always(_call: ApiClient) -> bool:
    return True


LIFECYCLE_ACTIONS: Final[Mapping[str, Action]] = {
    "make service": Action(asking("POST", f"/services/{_MADE}", _NEW), lambda call: _is_there(call, _MADE)),
    "delete service": Action(
        asking("DELETE", f"/services/{_MADE}"),
        lambda call: not _is_there(call, _MADE),
        _have_made,
    ),
    "service dies": Action(_kill_service, lambda call: _process(call, HELPER) is not None),
    "service starts": Action(_configure(1), _serves, _have_none, among=_OF_SERVICES),
    "service changes": Action(_change, _serves, _have_extra, among=_OF_SERVICES),
    "service ends": Action(
        _configure(0), lambda call: not _is_there(call, EXTRA), _have_extra, among=_OF_SERVICES
    ),
    "hub starts": Action(_configure(0), _always),
    "hub ends": Action(_end(servers=True, proxy=True), _always, cuts_connections=True),
    "hub ends alone": Action(_end(servers=False, proxy=False), _always),
}
"""Actions on services and on the hub as a whole, by name."""
