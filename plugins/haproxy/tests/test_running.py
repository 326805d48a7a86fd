"""A real HAProxy, beyond what every proxy must do."""

import asyncio
import hashlib
import os
import re
import signal
import socket
import ssl
import sys
import time
from pathlib import Path

import psutil
import pytest
from tornado.websocket import websocket_connect

from plughub.domain.routes import Route
from plughub.errors import PluginError
from plughub.testing import ports
from plughub.testing.backends import ask, backend, hang_up, open_backend
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy import NAME
from plughub_haproxy.configuration import AGAIN_SOCKET_NAME, DEAD_SOCKET_NAME, SOCKET_NAME
from plughub_haproxy.runtime_socket import RuntimeSocket


@pytest.fixture
async def alice():
    async with backend("alice") as running:
        yield running


@pytest.fixture
async def hub():
    async with backend("hub") as running:
        yield running


# ---- error pages


async def test_the_page_for_a_dead_server_comes_from_the_hub(start, hub):
    proxy = await start(error_url=f"{hub.url}/hub/error")
    await proxy.add("/user/dead/", "http://127.0.0.1:9")

    reply = await ask(proxy.port, "/user/dead/tree?a=b", method="POST", body=b"x", headers={"Cookie": "a=b"})

    assert reply.status == 503
    assert reply.json["name"] == "hub"
    assert reply.json["method"] == "GET"
    assert reply.json["uri"] == "/hub/error/503?url=%2Fuser%2Fdead%2Ftree%3Fa%3Db"
    assert "Cookie" not in reply.json["headers"]


async def test_the_page_for_no_route_comes_from_the_hub(start, hub):
    proxy = await start(error_url=f"{hub.url}/hub/error")

    reply = await ask(proxy.port, "/nothing")

    assert (reply.status, reply.json["uri"]) == (404, "/hub/error/404?url=%2Fnothing")


async def test_other_users_cannot_prevent_the_start_by_taking_a_socket_name(start, hub, tmp_path):
    """The socket for dead servers is in the hub's folder, not in the abstract namespace."""
    folder = tmp_path / "haproxy"
    name = f"\0plughub-{hashlib.sha256(str(folder).encode()).hexdigest()[:32]}"
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind(name.ljust(108, "\0"))
        squatter.listen()
        proxy = await start(folder=folder, error_url=f"{hub.url}/hub/error")
        await proxy.add("/user/dead/", "http://127.0.0.1:9")
        assert (await ask(proxy.port, "/user/dead/")).json["uri"].startswith("/hub/error/503")
    for name in (AGAIN_SOCKET_NAME, DEAD_SOCKET_NAME):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o067 == 0


async def test_a_start_that_fails_names_what_could_not_be_bound(start, tmp_path):
    folder = tmp_path / "haproxy"
    (folder / DEAD_SOCKET_NAME).mkdir(parents=True)
    with pytest.raises(PluginError, match=r"frontend dead.*dead\.sock") as raised:
        await start(folder=folder)
    assert "port" not in str(raised.value)


async def test_a_websocket_to_a_dead_server_is_refused(start, hub):
    proxy = await start(error_url=f"{hub.url}/hub/error")
    await proxy.add("/user/dead/", "http://127.0.0.1:9")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}

    reply = await ask(
        proxy.port, "/user/dead/ws", headers={**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    )

    assert reply.status == 503


@pytest.mark.parametrize(("path", "status"), [("/user/dead/", 503), ("/nothing", 404)])
async def test_without_a_hub_haproxy_answers_with_its_own_page(start, path, status):
    proxy = await start(error_url="http://127.0.0.1:9/hub/error")
    await proxy.add("/user/dead/", "http://127.0.0.1:9")
    begin = time.monotonic()

    reply = await ask(proxy.port, path)

    assert reply.status == status
    assert b"No server is responding" in reply.body
    assert time.monotonic() - begin < 2


# ---- several targets


async def test_a_killed_hub_loses_no_request(start):
    first, second = open_backend("first"), open_backend("second")
    proxy = await start()
    route = Route(routespec="/", target=first.url, more_targets=(second.url,), data={"hub": True})
    await proxy.hooks.route_add(NAME, route)
    assert {await proxy.name_at("/") for _ in range(10)} == {"first", "second"}

    await first.close()
    replies = [await ask(proxy.port, "/") for _ in range(50)]
    await second.close()

    assert [(reply.status, reply.name) for reply in replies] == [(200, "second")] * 50


async def test_a_killed_hub_loses_no_request_in_progress(start):
    script = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()[0].recv(9999)"
    dying = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    target = f"http://127.0.0.1:{int(await dying.stdout.readline())}"
    async with backend("second") as second:
        proxy = await start()
        await proxy.hooks.route_add(NAME, Route(routespec="/", target=target, more_targets=(second.url,)))
        replies = await asyncio.gather(*(ask(proxy.port, "/") for _ in range(8)))
    await dying.wait()

    assert [(reply.status, reply.name) for reply in replies] == [(200, "second")] * 8


async def test_added_targets_are_used_and_removed_ones_are_not(start):
    backends = [open_backend(f"hub{number}") for number in range(3)]
    proxy = await start()
    for first, *more in ([0, 1], [1, 2], [2]):
        targets = tuple(backends[number].url for number in more)
        await proxy.hooks.route_add(
            NAME, Route(routespec="/", target=backends[first].url, more_targets=targets)
        )
        wanted = {f"hub{number}" for number in (first, *more)}
        assert {await proxy.name_at("/") for _ in range(12)} == wanted
    for each in backends:
        await each.close()


async def test_several_targets_survive_a_restart(start, alice, hub):
    proxy = await start()
    route = Route(routespec="/", target=hub.url, more_targets=(alice.url,), data={"hub": True})
    await proxy.hooks.route_add(NAME, route)
    os.kill(proxy.state["pid"], signal.SIGKILL)

    async def gone():
        return await proxy.poll() is not None

    await until(gone)
    await proxy.start()

    assert await proxy.hooks.routes(NAME) == (route,)
    assert {await proxy.name_at("/") for _ in range(10)} == {"hub", "alice"}


async def test_more_routes_with_several_targets_than_there_are_pools_use_their_first(start, alice):
    proxy = await start()
    routes = [
        Route(routespec=f"/{number}/", target=alice.url, more_targets=("http://127.0.0.1:9",))
        for number in range(6)
    ]
    for route in routes:
        await proxy.hooks.route_add(NAME, route)

    assert sorted(await proxy.hooks.routes(NAME), key=lambda route: route.routespec) == routes
    assert [await proxy.name_at(f"/{number}/") for number in range(6)] == ["alice"] * 6


# ---- routes


async def test_routes_of_hosts(start, alice, hub):
    proxy = await start(host_routing=True)
    await proxy.add("hub.example/", hub.url, hub=True)
    await proxy.add("alice.hub.example/user/alice/", alice.url)

    async def name_at(host: str) -> str:
        return (await ask(proxy.port, "/user/alice/", headers={"Host": host})).name

    assert await name_at("alice.hub.example:8000") == "alice"
    assert await name_at("ALICE.hub.example") == "alice"
    assert await name_at("hub.example") == "hub"
    assert await name_at("evil.example") == ""
    assert set(await proxy.routes()) == {"hub.example/", "alice.hub.example/user/alice/"}
    await proxy.add("o.hub.example/user/o%27neil/", alice.url)
    arrived = (await ask(proxy.port, "/user/o'neil/x?'", headers={"Host": "o.hub.example"})).json["uri"]
    assert arrived == "/user/o%27neil/x?'"


async def test_the_hub_stands_alone_on_its_port_below_any_path(start, alice, hub):
    second, base = ports.free_port(), "/it%27s%20100%25/"
    proxy = await start(base_url=base, servers_port=second, error_url=f"{hub.url}{base}hub/error")
    await proxy.add(base, hub.url, hub=True)
    await proxy.add(f"{base}user/alice/", alice.url)

    for typed in (base, "/it's%20100%25/"):
        assert await proxy.name_at(f"{typed}user/alice/") == "hub"
        assert (await ask(second, f"{typed}user/alice/")).name == "alice"
        assert (await ask(second, f"{typed}hub/home")).json["uri"] == f"{typed}hub/home"
    assert (await ask(second, "/user/alice/")).status == 404


async def test_the_host_name_of_a_target_is_resolved(start, alice):
    proxy = await start()
    await proxy.add("/user/alice/", f"http://localhost:{alice.port}")

    assert await proxy.name_at("/user/alice/") == "alice"
    assert (await proxy.routes())["/user/alice/"].target == f"http://localhost:{alice.port}"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("https://127.0.0.1:1", "only http:// targets"),
        ("http+unix://x", "only http:// targets"),
        ("http://no-such-host.invalid:1", "cannot be resolved"),
        ("http://127.0.0.1:x", "is not a valid target"),
        (f"http://{'a' * 64}.example:1", "cannot be resolved"),
    ],
)
async def test_an_invalid_target_is_refused_and_affects_no_other(start, alice, target, message):
    proxy = await start()
    with pytest.raises(PluginError, match=message):
        await proxy.add("/user/x/", target)

    await proxy.replace(Route(routespec="/x/", target=target), Route(routespec="/a/", target=alice.url))
    assert set(await proxy.routes()) == {"/a/"}


async def test_30_kb_of_cookies_pass(start, alice):
    proxy = await start()
    await proxy.add("/", alice.url)

    reply = await ask(proxy.port, "/", headers={f"Cookie-{n}": "x" * 1000 for n in range(30)})

    assert len(reply.json["headers"]["Cookie-29"]) == 1000


async def test_a_route_added_again_does_not_inherit_the_old_activity(start, alice):
    proxy = await start()
    await proxy.add("/a/", alice.url)
    await proxy.name_at("/a/")
    assert (await proxy.routes())["/a/"].last_activity is not None

    await proxy.delete("/a/")
    await proxy.add("/a/", alice.url)

    assert (await proxy.routes())["/a/"].last_activity is None


async def test_headers_of_trusted_proxies_are_kept(start, alice):
    proxy = await start(trusted_downstream_ips=("127.0.0.0/8",))
    await proxy.add("/", alice.url)

    said = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "front"}
    headers = (await ask(proxy.port, "/", headers=said)).json["headers"]

    assert headers["X-Forwarded-For"].replace(" ", "") == "6.6.6.6,127.0.0.1"
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Host"]) == ("https", "front")


async def test_an_invalid_trusted_address_is_named(start):
    with pytest.raises(PluginError, match=r"'10\.0\.0\.x' in trusted_downstream_ips"):
        await start(trusted_downstream_ips=("10.0.0.x",))


# ---- TLS


async def subject_at(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object")
    writer.close()
    assert shown.selected_alpn_protocol() == "h2"
    return shown.getpeercert(binary_form=True)


async def test_tls_with_http2_and_a_changed_certificate_without_a_restart(
    start, certificate, make_certificate, tmp_path
):
    cert, key = certificate
    proxy = await start(ssl_cert=str(cert), ssl_key=str(key))
    first = await subject_at(proxy.port)
    assert (tmp_path / "haproxy" / "public.pem").stat().st_mode & 0o777 == 0o600

    make_certificate("two")
    assert await proxy.poll() is None

    async def changed():
        return await subject_at(proxy.port) != first

    await until(changed)


async def test_a_broken_certificate_is_reported_and_the_old_one_stays_in_use(start, certificate):
    cert, key = certificate
    proxy = await start(ssl_cert=str(cert), ssl_key=str(key))
    first = await subject_at(proxy.port)
    cert.write_text("no certificate")

    with pytest.raises(PluginError, match="refuses the new configuration"):
        await proxy.poll()
    assert await proxy.poll() is None
    assert await subject_at(proxy.port) == first


async def test_a_missing_certificate_is_named(start):
    with pytest.raises(PluginError, match=r"cannot read certificate or key: .*nowhere\.pem"):
        await start(ssl_cert="/nowhere.pem")


# ---- life


async def test_a_killed_haproxy_restarts_with_all_routes_and_no_deleted_one(start, alice):
    proxy = await start()
    await proxy.replace(*(Route(routespec=f"/{name}/", target=alice.url) for name in "abc"))
    await proxy.add("/d/", alice.url, user="d")
    await proxy.delete("/a/")
    await proxy.add("/b/", "http://127.0.0.1:9")
    before = await proxy.routes()
    os.kill(proxy.state["pid"], signal.SIGKILL)

    async def gone():
        return await proxy.poll() is not None

    await until(gone)
    await proxy.start()

    assert await proxy.routes() == before
    assert set(before) == {"/b/", "/c/", "/d/"}
    assert await proxy.name_at("/d/") == "alice"


async def test_a_running_haproxy_moves_to_another_port(start, alice):
    proxy = await start()
    await proxy.add("/", alice.url)
    other = await start(port=ports.free_port())

    assert other.state == proxy.state
    assert await other.name_at("/") == "alice"


async def test_other_settings_are_loaded_under_open_websockets_whose_activity_is_still_seen(start, alice):
    proxy = await start()
    await proxy.add("/", alice.url)
    client = await websocket_connect(f"ws://127.0.0.1:{proxy.port}/ws")
    other = await start(trusted_downstream_ips=("10.0.0.1",))
    assert other.state == proxy.state
    begin = time.time()

    async def moved():
        await client.write_message("still here")
        assert await client.read_message() == "still here"
        activity = (await other.routes())["/"].last_activity
        return activity is not None and activity.timestamp() > begin + 1

    await until(moved, seconds=10, pause=0.2)
    await hang_up(client)


async def test_an_idle_websocket_may_live_for_days(start, alice, tmp_path):
    proxy = await start()
    await proxy.add("/", alice.url)
    client = await websocket_connect(f"ws://127.0.0.1:{proxy.port}/ws")
    runtime = RuntimeSocket(tmp_path / "haproxy" / SOCKET_NAME)

    async def days():
        shown = [line for line in (await runtime.query("show sess")).splitlines() if "fe=public" in line]
        return shown and [int(found) for found in re.findall(r"rex=(\d+)d", shown[0])]

    assert min(await until(days)) >= 6
    await hang_up(client)


async def test_a_folder_with_a_long_name_works(start, tmp_path, alice):
    proxy = await start(folder=tmp_path / ("long" * 40))
    await proxy.add("/", alice.url)

    assert await proxy.name_at("/") == "alice"
    assert set(await proxy.routes()) == {"/"}


async def test_two_hubs_that_start_at_once_have_one_haproxy(start):
    one, other = await asyncio.gather(start(), start())

    assert one.state == other.state


async def test_a_haproxy_that_hangs_is_replaced(start, alice):
    proxy = await start()
    await proxy.add("/", alice.url)
    old = psutil.Process(proxy.state["pid"])
    for process in [old, *old.children()]:
        process.suspend()

    async def stand_still():
        return all(process.status() == psutil.STATUS_STOPPED for process in [old, *old.children()])

    await until(stand_still)
    proxy.new_hub()
    await proxy.start()

    assert proxy.state["pid"] != old.pid
    assert await proxy.name_at("/") == "alice"


async def test_nothing_of_the_hub_is_held_open(start, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HUB", "x")
    proxy = await start()
    process = psutil.Process(proxy.state["pid"])
    files = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]

    assert files[0] == "/dev/null"
    assert all(name.endswith("haproxy.log") for name in files[1:])
    assert "SECRET_OF_THE_HUB" not in process.environ()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to run as root")
async def test_as_root_the_workers_run_as_nobody(start):
    proxy = await start()
    (worker,) = psutil.Process(proxy.state["pid"]).children()

    assert worker.username() == "nobody"


async def test_ending_a_connection_that_is_already_closed_is_no_error(start, tmp_path):
    await start()
    await RuntimeSocket(tmp_path / "haproxy" / SOCKET_NAME).execute("shutdown session 0x1234")


async def test_an_invalid_command_is_named(start):
    with pytest.raises(PluginError, match=r"HAProxyProxy\.command is not a program: 'no-haproxy'"):
        await start(traits={"command": ["no-haproxy"]})


async def test_an_external_haproxy_that_does_not_answer_is_unknown_not_stopped(start):
    with pytest.raises(PluginError, match="cannot be reached"):
        await (await start(traits={"should_start": False})).poll()
