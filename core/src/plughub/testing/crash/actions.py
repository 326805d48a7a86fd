"""The actions during which the hub is killed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import psutil

from plughub.testing.client import ApiClient
from plughub.testing.crash.invariants import PROXIES
from plughub.testing.crash.lifecycle_actions import LIFECYCLE_ACTIONS, forget_services
from plughub.testing.crash.points import meddle
from plughub.testing.crash.scenario import GONE, USER, Action, Scenario, asking
from plughub.testing.crash.sharing_actions import SHARING_ACTIONS, forget_shares
from plughub.testing.crash.users import Browser
from plughub.testing.hub import HubProcess

RENAMED: Final = "bobby"
NEW: Final = "carol"
GROUP: Final = "crew"
LAB: Final = "lab"


# ---- preparing


def clear(scenario: Scenario) -> None:
    """Remove everything that actions make; leave the user without a server.

    Args:
        scenario: the scenario.
    """
    call = scenario.call
    for name in (RENAMED, NEW):
        call.until(f"/users/{name}", lambda _, name=name: _is_deleted(call, name))  # type: ignore[misc]
    call("DELETE", f"/groups/{GROUP}")
    call("POST", f"/users/{USER}", {})
    for name in _user(call)["servers"]:
        call("DELETE", _path(name), {"remove": bool(name)})
    call.until(_all_of(USER), _is_clear)
    forget_shares(scenario)
    forget_services(scenario)


def _is_deleted(call: ApiClient, name: str) -> bool:
    return call("DELETE", f"/users/{name}").status == 404


def _is_clear(user: Mapping[str, Any]) -> bool:
    return not any(server["pending"] or server["ready"] or name for name, server in user["servers"].items())


def _have(*names: str) -> Callable[[Scenario], object]:
    """Return a preparation that starts servers of the user."""

    def prepare(scenario: Scenario) -> None:
        for name in names:
            scenario.call("POST", _path(name), {})
        scenario.call.until(f"/users/{USER}", lambda user: _ready(user) == set(names))

    return prepare


def _have_stopped(scenario: Scenario) -> None:
    scenario.call("PUT", _path(LAB), {"display_name": "Lab"})


# ---- asking


def _path(name: str) -> str:
    return f"/users/{USER}/servers/{name}"


def _all_of(name: str) -> str:
    return f"/users/{name}?include_stopped_servers"


def _user(call: ApiClient, name: str = USER) -> Mapping[str, Any]:
    """Return the user with all servers; empty when there is no such user."""
    reply = call("GET", _all_of(name))
    return reply.body if reply.status == 200 else {}


def _ready(user: Mapping[str, Any]) -> set[str]:
    return {name for name, server in user["servers"].items() if server["ready"]}


def _runs(*names: str) -> Callable[[ApiClient], bool]:
    return lambda call: _ready(_user(call)) == set(names) and not _pending(call)


def _pending(call: ApiClient) -> bool:
    return any(server["pending"] for server in _user(call)["servers"].values())


def _exists(call: ApiClient, *names: str) -> bool:
    return set(_user(call)["servers"]) == {"", *names} and _runs()(call)


def _known(call: ApiClient, name: str) -> bool:
    return bool(_user(call, name))


# ---- doing


def _cancel_start(scenario: Scenario) -> None:
    """Request a start, and a stop before the start is done."""
    asking = threading.Thread(target=scenario.ask, args=("POST", _path(""), {}))
    asking.start()
    while asking.is_alive():
        reply = scenario.ask("GET", f"/users/{USER}")
        if reply is None or reply.body["pending"]:
            break
    scenario.ask("DELETE", _path(""))
    asking.join()


def _log_in(name: str) -> Callable[[Scenario], object]:
    def do(scenario: Scenario) -> None:
        with contextlib.suppress(*GONE):
            Browser(scenario.hub, name).log_in()

    return do


def _log_out(scenario: Scenario) -> None:
    with contextlib.suppress(*GONE):
        Browser(scenario.hub, NEW).log_in().get("/hub/logout")


def _enter(scenario: Scenario) -> None:
    with contextlib.suppress(*GONE):
        environment = scenario.inspector.environment(scenario.mark, USER)
        Browser(scenario.hub, USER).log_in().enter(environment)


def _regroup(scenario: Scenario) -> None:
    scenario.ask("POST", f"/groups/{GROUP}", {"users": [USER]})
    scenario.ask("PUT", f"/groups/{GROUP}/properties", {"size": 1})
    scenario.ask("POST", f"/groups/{GROUP}/users", {"users": ["ada"]})
    scenario.ask("DELETE", f"/groups/{GROUP}/users", {"users": [USER]})
    scenario.ask("DELETE", f"/groups/{GROUP}")


def _hand_out_token(scenario: Scenario) -> None:
    reply = scenario.ask("POST", f"/users/{USER}/tokens", {"note": "crash"})
    if reply is not None:
        scenario.ask("DELETE", f"/users/{USER}/tokens/{reply.body['id']}")


def kill_proxy(hub: HubProcess) -> None:
    """Kill the proxy of a hub.

    Args:
        hub: the hub.
    """
    for process in hub.processes():
        with contextlib.suppress(psutil.Error):
            if any(name in word for word in process.cmdline()[:2] for name in PROXIES):
                process.kill()


def _routes(*orders: tuple[str, str]) -> Callable[[Scenario], object]:
    """Return an action that changes routes in the proxy and has the hub check them."""

    def do(scenario: Scenario) -> None:
        meddle(scenario.order, *orders)
        scenario.ask("POST", "/proxy")

    return do


_HOME: Final = f"/user/{USER}/"
ACTIONS: Final[Mapping[str, Action]] = {
    "start": Action(asking("POST", _path(""), {}), _runs("")),
    "start named": Action(asking("POST", _path(LAB), {}), _runs(LAB)),
    "stop": Action(asking("DELETE", _path("")), _runs(), _have("")),
    "cancel start": Action(_cancel_start, _runs()),
    "make server": Action(asking("PUT", _path(LAB), {}), lambda call: _exists(call, LAB)),
    "rename server": Action(
        asking("PATCH", _path(LAB), {"name": "den", "display_name": "Den"}),
        lambda call: _exists(call, "den"),
        _have_stopped,
    ),
    "delete server": Action(asking("DELETE", _path(LAB), {"remove": True}), _exists, _have(LAB)),
    "delete stopped": Action(asking("DELETE", _path(LAB), {"remove": True}), _exists, _have_stopped),
    "make user": Action(asking("POST", "/users", {"usernames": [NEW]}), lambda call: _known(call, NEW)),
    "rename user": Action(
        asking("PATCH", f"/users/{USER}", {"name": RENAMED}),
        lambda call: _known(call, RENAMED),
        _have_stopped,
    ),
    "delete user": Action(
        asking("DELETE", f"/users/{USER}"), lambda call: not _known(call, USER), _have("", LAB)
    ),
    "login": Action(_log_in(NEW), lambda call: _known(call, NEW)),
    "login again": Action(_log_in(USER), lambda call: _known(call, USER)),
    "logout": Action(_log_out, lambda call: _known(call, NEW)),
    "enter server": Action(_enter, _runs(""), _have("")),
    "groups": Action(_regroup, lambda call: call("GET", f"/groups/{GROUP}").status == 404),
    "token": Action(_hand_out_token, lambda call: _known(call, USER)),
    "route lost": Action(_routes(("lose", _HOME)), _runs(""), _have("")),
    "wrong routes": Action(_routes(("redirect", _HOME), ("redirect", f"{_HOME}old/")), _runs(""), _have("")),
    "server dies": Action(lambda scenario: scenario.inspector.kill(scenario.mark, USER), _runs(), _have("")),
    "proxy dies": Action(
        lambda scenario: kill_proxy(scenario.hub), _runs(""), _have(""), cuts_connections=True
    ),
    **SHARING_ACTIONS,
    **LIFECYCLE_ACTIONS,
}
"""All actions by name."""
