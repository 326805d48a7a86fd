"""What is done to a hub while it may be killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import psutil

from plughub.testing.client import ApiClient
from plughub.testing.hub import HubProcess

USER: Final = "bob"
_GONE: Final = (OSError, http.client.HTTPException, json.JSONDecodeError)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done.

    Attributes:
        prepare: brings the hub to where it can be done.
        do: does it; the hub may die meanwhile.
        done: tells whether it is done, from the model of the user.
        cuts_connections: open connections of others end by it.
    """

    prepare: Callable[[ApiClient], object]
    do: Callable[[HubProcess, ApiClient], object]
    done: Callable[[Mapping[str, Any]], bool]
    cuts_connections: bool = False


def _stopped(user: Mapping[str, Any]) -> bool:
    return not user["servers"]


def _runs(user: Mapping[str, Any]) -> bool:
    return bool(user["servers"]) and all(server["ready"] for server in user["servers"].values())


def have_stopped(call: ApiClient) -> None:
    """Have no server of the user active.

    Args:
        call: the API, with rights over the user.
    """
    for name in call("GET", f"/users/{USER}").body["servers"]:
        call("DELETE", _path(name))
    call.until(f"/users/{USER}", _stopped)


def have_running(call: ApiClient, name: str = "") -> None:
    """Have a server of the user running.

    Args:
        call: the API, with rights over the user.
        name: name of the server.
    """
    have_stopped(call)
    call("POST", _path(name), {})
    call.until(f"/users/{USER}", _runs)


def _path(name: str) -> str:
    return f"/users/{USER}/servers/{name}"


def _ask(method: str, name: str, body: object = None) -> Callable[[HubProcess, ApiClient], object]:
    def do(_hub: HubProcess, call: ApiClient) -> None:
        with contextlib.suppress(*_GONE):
            call(method, _path(name), body)

    return do


def _give_up(hub: HubProcess, call: ApiClient) -> None:
    """Ask for a start and, before it is done, for a stop."""
    asking = threading.Thread(target=_ask("POST", "", {}), args=(hub, call))
    asking.start()
    with contextlib.suppress(*_GONE):
        while not call("GET", f"/users/{USER}").body["pending"]:
            if not asking.is_alive():
                break
        call("DELETE", _path(""))
    asking.join()


def _log_in(hub: HubProcess, _call: ApiClient) -> None:
    with contextlib.suppress(*_GONE):
        log_in(hub, "carol")


def _kill_server(hub: HubProcess, _call: ApiClient) -> None:
    for process in _servers(hub):
        process.kill()


def _kill_proxy(hub: HubProcess, _call: ApiClient) -> None:
    for process in hub.processes():
        with contextlib.suppress(psutil.Error):
            if "haproxy" in process.name() or "configurable-http-proxy" in " ".join(process.cmdline()):
                process.kill()


def _servers(hub: HubProcess) -> Iterator[psutil.Process]:
    for process in hub.processes():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("JUPYTERHUB_USER") == USER:
                yield process


def log_in(hub: HubProcess, name: str) -> str:
    """Log in as a browser does.

    Args:
        hub: the hub.
        name: of the user; any password is good.

    Returns:
        The cookies, as a header.
    """
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    connection.request("GET", "/hub/login")
    answer = connection.getresponse()
    answer.read()
    cookie = str(answer.getheader("Set-Cookie")).partition(";")[0]
    form = f"username={name}&password=x&_xsrf={cookie.partition('=')[2]}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    connection.request("POST", "/hub/login", form, headers)
    answer = connection.getresponse()
    answer.read()
    cookies = [value.partition(";")[0] for key, value in answer.getheaders() if key.lower() == "set-cookie"]
    connection.close()
    return "; ".join(cookies)


DEEDS: Final[Mapping[str, Deed]] = {
    "start": Deed(have_stopped, _ask("POST", "", {}), _runs),
    "stop": Deed(have_running, _ask("DELETE", ""), _stopped),
    "give up": Deed(have_stopped, _give_up, _stopped),
    "delete": Deed(lambda call: have_running(call, "lab"), _ask("DELETE", "lab", {"remove": True}), _stopped),
    "login": Deed(have_stopped, _log_in, _stopped),
    "server dies": Deed(have_running, _kill_server, _stopped),
    "proxy dies": Deed(have_running, _kill_proxy, _runs, cuts_connections=True),
}
"""Everything that is done, by name."""
