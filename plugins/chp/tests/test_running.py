"""A real configurable-http-proxy, beyond what every proxy must do."""

import asyncio
import json
import os
import signal
import socket

import psutil
import pytest

from plughub.domain.routes import Route
from plughub.errors import PluginError
from plughub.testing.backends import ask, backend
from plughub.testing.conditions import until
from plughub_chp.node_scripts import node_options

pytestmark = pytest.mark.node


@pytest.fixture
async def alice():
    async with backend("alice") as running:
        yield running


def working_in(folder) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_a_taken_api_port_is_named_and_no_proxy_is_left(start, api_port, tmp_path):
    with socket.create_server(("127.0.0.1", api_port)), pytest.raises(PluginError) as raised:
        await start()

    assert f"port {api_port} is in use (process {os.getpid()}" in str(raised.value)
    assert "ConfigurableHTTPProxy.api_url" in str(raised.value)
    assert working_in(tmp_path) == []


async def test_a_proxy_whose_api_never_answers_is_terminated(start, tmp_path):
    with pytest.raises(PluginError, match="exited at once"):
        await start(traits={"command": ["sh", "-c", "echo no luck; exit 3"]})

    assert working_in(tmp_path) == []


async def test_a_command_that_drops_node_options_is_refused(start, tmp_path):
    command = ["env", "-u", "NODE_OPTIONS", "configurable-http-proxy"]
    with pytest.raises(PluginError, match="does not pass NODE_OPTIONS on to Node"):
        await start(traits={"command": command})

    assert working_in(tmp_path) == []


async def test_service_workers_are_confined_to_their_routes_with_another_base_too(start, alice, monkeypatch):
    monkeypatch.setenv("NODE_OPTIONS", "--max-http-header-size=65000")
    proxy = await start(base_url="/lab/")
    await proxy.add("/lab/user/alice/", alice.url)
    for path, status in (("/lab/user/alice/x.js", 200), ("/lab/user/alice", 403), ("/lab/x.js", 403)):
        assert (await ask(proxy.port, path, headers={"Service-Worker": "script"})).status == status
        assert (await ask(proxy.port, path)).status in {200, 404}


async def test_an_external_proxy_is_not_trusted_to_confine_service_workers(start):
    theirs = await start(traits={"auth_token": "shared"})
    assert theirs.info.drops_worker_scope
    ours = await start(traits={"auth_token": "shared", "should_start": False})
    assert not ours.info.drops_worker_scope


async def test_a_missing_command_is_reported_with_the_way_to_install_it(start):
    with pytest.raises(PluginError, match=r"ConfigurableHTTPProxy\.command .*'no-such-proxy'") as raised:
        await start(traits={"command": ["no-such-proxy"]})
    assert "npm install -g configurable-http-proxy" in raised.value.__cause__.hint  # type: ignore[attr-defined]


async def test_node_does_not_limit_the_time_of_an_upload(monkeypatch):
    said = "const s = require('http').createServer().listen(0, () => { console.log(s.requestTimeout); s.close() })"
    monkeypatch.setenv("NODE_OPTIONS", node_options())
    node = await asyncio.create_subprocess_exec("node", "-e", said, stdout=asyncio.subprocess.PIPE)
    output, _ = await node.communicate()
    assert output.decode().split()[-1] == "0"


async def test_the_token_is_in_no_argument_and_in_a_private_file(start, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_HUB", "x")
    proxy = await start()
    process = psutil.Process(proxy.state["pid"])
    file = tmp_path / "chp" / "auth_token"
    token = file.read_text().strip()

    assert token not in " ".join(process.cmdline())
    assert token not in json.dumps(dict(proxy.state))
    assert file.stat().st_mode & 0o777 == 0o600
    assert process.environ()["CONFIGPROXY_AUTH_TOKEN"] == token
    assert "SECRET_OF_THE_HUB" not in process.environ()


async def test_a_token_in_the_environment_is_used(start, tmp_path, monkeypatch):
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "given-by-the-administrator")
    proxy = await start()

    given = psutil.Process(proxy.state["pid"]).environ()["CONFIGPROXY_AUTH_TOKEN"]
    assert given == "given-by-the-administrator"
    assert not (tmp_path / "chp" / "auth_token").exists()


async def test_other_settings_need_a_new_proxy(start, tmp_path):
    proxy = await start()
    other = await start(traits={"debug": True})

    assert other.state["pid"] != proxy.state["pid"]
    assert [process.pid for process in working_in(tmp_path)] == [other.state["pid"]]
    assert await other.poll() is None


async def test_another_address_of_the_hub_needs_no_new_proxy(start):
    proxy = await start(error_url="http://127.0.0.1:9/hub/error")
    other = await start(error_url="http://127.0.0.1:10/hub/error")

    assert other.state == proxy.state


async def test_routes_of_other_clients_are_left_alone(start, api_port, tmp_path, alice):
    proxy = await start()
    token = (tmp_path / "chp" / "auth_token").read_text().strip()
    body = json.dumps({"target": alice.url}).encode()
    headers = {"Authorization": f"token {token}"}
    reply = await ask(api_port, "/api/routes/theirs", method="POST", headers=headers, body=body)
    assert reply.status == 201

    await proxy.replace(Route(routespec="/ours/", target=alice.url))

    assert set(await proxy.routes()) == {"/ours/"}
    assert await proxy.name_at("/theirs/") == "alice"


async def test_routes_that_jupyterhub_added_are_adopted(start, api_port, tmp_path, alice):
    proxy = await start()
    token = (tmp_path / "chp" / "auth_token").read_text().strip()
    body = json.dumps({"target": alice.url, "jupyterhub": True, "user": "bob@x", "server_name": ""}).encode()
    headers = {"Authorization": f"token {token}"}
    await ask(api_port, "/api/routes/user/bob%40x", method="POST", headers=headers, body=body)

    assert (await proxy.routes())["/user/bob@x/"].data == {"user": "bob@x", "server_name": ""}


async def test_lost_routes_of_an_external_proxy_are_noticed(start, tmp_path, alice):
    theirs = await start(traits={"auth_token": "shared"})
    traits = {"auth_token": "shared", "should_start": False, "check_running_interval": 1}
    ours = await start(folder=tmp_path / "ours", traits=traits)
    await ours.add("/user/alice/", alice.url)
    assert await ours.poll() is None

    os.kill(theirs.state["pid"], signal.SIGKILL)

    async def gone():
        try:
            return await theirs.poll() is not None
        except PluginError:
            return False

    await until(gone)
    await theirs.start()

    async def lost():
        return await ours.poll() is not None

    await until(lost)


async def test_an_external_proxy_needs_a_token(start):
    with pytest.raises(PluginError, match=r"ConfigurableHTTPProxy\.auth_token"):
        await (await start(traits={"should_start": False})).routes()


async def test_routes_of_hosts(start, alice):
    proxy = await start(host_routing=True)
    await proxy.add("alice.hub.example/user/alice/", alice.url)

    async def name_at(host: str) -> str:
        return (await ask(proxy.port, "/user/alice/", headers={"Host": host})).name

    assert await name_at("alice.hub.example:8000") == "alice"
    assert await name_at("evil.example") == ""
    assert set(await proxy.routes()) == {"alice.hub.example/user/alice/"}


async def test_the_page_for_a_dead_server_comes_from_the_hub(start, alice):
    proxy = await start(error_url=f"{alice.url}/hub/error")
    await proxy.add("/user/dead/", "http://127.0.0.1:9")

    reply = await ask(proxy.port, "/user/dead/")

    assert (reply.status, reply.json["uri"]) == (503, "/hub/error/503?url=%2Fuser%2Fdead%2F")


async def test_a_process_that_takes_the_port_of_the_api_never_gets_the_token(start, api_port, alice):
    proxy = await start()
    received = []

    async def listen(reader, writer):
        received.append(await reader.read(65536))
        writer.close()

    psutil.Process(proxy.state["pid"]).kill()
    await until(lambda: _is_free(api_port))
    async with await asyncio.start_server(listen, "127.0.0.1", api_port):
        for call in (
            proxy.routes(),
            proxy.add("/a/", alice.url),
            proxy.delete("/a/"),
        ):
            with pytest.raises(PluginError, match="the proxy does not listen at"):
                await call
        with pytest.raises(PluginError):
            await proxy.start()
    assert received == []

    await proxy.start()
    await proxy.add("/a/", alice.url)
    assert set(await proxy.routes()) == {"/a/"}


async def test_another_hub_process_finds_the_relaunched_proxy(start, alice):
    one, two = await start(), await start()
    process = psutil.Process(one.state["pid"])
    process.kill()
    await asyncio.to_thread(process.wait, 10)
    await one.start()

    await two.add("/a/", alice.url)
    assert set(await one.routes()) == {"/a/"}


async def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False
