"""Two hub processes on one PostgreSQL behind one HAProxy: one dies without interrupting users."""

import contextlib
import http.client
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from plughub.testing.client import ApiClient, client_of, until_all_serve
from plughub.testing.crash.users import Browser
from plughub.testing.hub import HubProcess

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(180)]
LEASE = 3
CONFIG = """
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"root-of-all"}}
c.JupyterHub.load_groups = {{"readers": []}}
c.JupyterHub.load_roles = [{{"name": "read", "scopes": ["list:users"], "groups": ["readers"]}}]
c.JupyterHub.db_url = {database!r}
c.JupyterHub.lease_seconds = {lease}
c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.socket_server"]
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
"""


@pytest.fixture
def two_hubs(postgresql, tmp_path):
    config = CONFIG.format(
        lease=LEASE, database=postgresql.new_database(), python=sys.executable, folder=tmp_path
    )
    first = HubProcess(tmp_path, "--plugins", "dummy,simple", config=config)
    second = HubProcess(
        tmp_path, "--plugins", "dummy,simple", f"--JupyterHub.port={first.port}", name="second"
    )
    try:
        hubs = first.start(), second.start()
        until_all_serve(hubs, client_of(first, "root-of-all"))
        yield hubs
    finally:
        first.end_everything()
        second.end_everything()


def test_any_hub_serves_any_request_and_a_revoked_token_is_invalid_everywhere_within_a_second(two_hubs):
    first, second = two_hubs
    call = client_of(first, "bob")
    for hub in two_hubs:
        assert call.at(hub)("GET", "/user").body["name"] == "bob"
    started = call.at(first)("POST", "/users/bob/server", {})
    assert started.status == 201, started
    assert call.at(second)("GET", "/users/bob").body["servers"][""]["ready"]

    made = call.at(first)("POST", "/users/bob/tokens", {"note": "short"}).body
    doomed = ApiClient(f"{second.hub_url}/", made["token"])
    assert doomed("GET", "/user").status == 200
    call.at(first)("DELETE", f"/users/bob/tokens/{made['id']}")
    ends = time.monotonic() + 1
    while doomed("GET", "/user").status == 200:
        assert time.monotonic() < ends, "still accepted by the other hub after a second"
    assert call.at(second)("DELETE", "/users/bob/server").status in {202, 204}


@pytest.mark.parametrize("end", ["logout", "everywhere", "rename"])
def test_a_session_that_ends_on_one_hub_is_invalid_on_both_within_a_second(two_hubs, end):
    first, _ = two_hubs
    admin = client_of(first, "root-of-all")
    browser = Browser(first, "bob").log_in()
    stolen = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    assert [home(hub, stolen) for hub in two_hubs] == [200, 200]
    if end == "logout":
        browser.get("/hub/logout")
    elif end == "everywhere":
        assert admin("DELETE", "/users/bob/sessions").status == 204
    else:
        assert admin("PATCH", "/users/bob", {"name": "robert"}).status == 200
    ends = time.monotonic() + 1
    while 200 in [home(hub, stolen) for hub in two_hubs]:
        assert time.monotonic() < ends, "still logged in at a hub after a second"


def home(hub, headers):
    address = urlsplit(hub.hub_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.request("GET", "/hub/home", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_role_granted_or_revoked_on_one_hub_takes_effect_on_the_other_within_a_second(two_hubs):
    first, second = two_hubs
    admin, bob = client_of(first, "root-of-all"), client_of(first, "bob")
    asks = bob.at(second)
    assert asks("GET", "/users").status == 403
    for method, status in (("POST", 200), ("DELETE", 403)):
        changed = admin.at(first)(method, "/groups/readers/users", {"users": ["bob"]})
        assert changed.status == 200, changed
        ends = time.monotonic() + 1
        while (answer := asks("GET", "/users")).status != status:
            assert time.monotonic() < ends, answer


def test_one_hub_is_killed_and_the_other_continues_its_operations(two_hubs):
    first, second = two_hubs
    call = client_of(first, "bob")
    usual = seconds_of_a_start(first)
    answers: list[int | str] = []
    stop = threading.Event()

    def keep_asking():
        while not stop.is_set():
            try:
                answers.append(call("GET", "/user").status)
            except (OSError, ValueError, http.client.HTTPException) as error:
                answers.append(repr(error))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    start = threading.Thread(target=lambda: begin(call.at(first)))
    start.start()
    call.at(second).until("/users/bob", lambda user: user["pending"] or user["servers"])
    first.kill()
    user = call.at(second).until("/users/bob", ready, seconds=LEASE + 5 + usual)
    stop.set()
    asking.join()
    start.join()
    assert ready(user)
    of_bob = [p for p in second.processes() if "socket_server" in " ".join(p.cmdline()) and "bob" in p.cwd()]
    assert len(of_bob) == 1
    assert len(answers) > 20
    assert set(answers) == {200}


def seconds_of_a_start(hub):
    """Return the duration of an undisturbed start on this machine."""
    begun = time.monotonic()
    started = client_of(hub, "root-of-all")("POST", "/users/root-of-all/server", {})
    assert started.status == 201, started
    return time.monotonic() - begun


def begin(call):
    with contextlib.suppress(OSError):
        call("POST", "/users/bob/server", {})


def ready(user):
    return user["servers"].get("", {}).get("ready")
