"""Targets at https://, as with JupyterHub.internal_ssl: real certificates, real TLS."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing

import pytest
from tornado.websocket import websocket_connect

from plughub.domain.routes import Route
from plughub.errors import PluginError
from plughub.testing.backends import Backend, ask, hang_up, open_backend, raw_server
from plughub.testing.contracts.proxy import NAME
from plughub.testing.ports import free_port
from plughub.tls import HUB, HUB_PARTY, NOTEBOOKS, PROXY_API, PROXY_CLIENT, CertificateFolder
from plughub_haproxy.tls import certificate_name

OpenServer = Callable[..., Backend]


@pytest.fixture
def folder(tmp_path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "ssl")
    made.prepare()
    return made


@pytest.fixture
async def serve(folder) -> AsyncIterator[OpenServer]:
    """Start a server that has a certificate and requires one from its clients."""
    async with AsyncExitStack() as stack:

        def serve_as(name, authority=NOTEBOOKS, names=("localhost",), host="127.0.0.1", of=folder):
            context = of.issue(name, authority, names).server_context()
            running = open_backend(name, host=host, context=context)
            stack.push_async_callback(running.close)
            return running

        yield serve_as


@pytest.fixture
async def proxy(start, folder, serve):
    hub = serve("hub", HUB, [HUB_PARTY])
    files = folder.issue("proxy-client", PROXY_CLIENT, ["localhost"])
    return await start(client_tls=files, hub_url=hub.url, error_url=f"{hub.url}/hub/error")


async def test_a_server_that_requires_a_certificate_is_reached_with_its_websocket(proxy, serve):
    await proxy.add("/user/alice/", serve("alice").url)

    assert await proxy.name_at("/user/alice/") == "alice"
    client = await websocket_connect(f"ws://127.0.0.1:{proxy.port}/user/alice/ws")
    await client.write_message("hello")
    assert await client.read_message() == "hello"
    await hang_up(client)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_request_is_lost_to_a_server_that_closes_idle_connections(proxy, folder, method):
    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        await reader.read(1)  # closes while the next request is being sent

    context = folder.issue("alice", NOTEBOOKS, ["localhost"]).server_context()
    async with raw_server(answer_once, context) as url, asyncio.timeout(10):
        await proxy.add("/user/alice/", url)
        assert await asyncio.to_thread(statuses_in_one_connection, proxy.port, method) == [200] * 3


def statuses_in_one_connection(port: int, method: str) -> list[int]:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
        found = []
        for _ in range(3):
            client.request(method, "/user/alice/x")
            answer = client.getresponse()
            answer.read()
            found.append(answer.status)
        return found


async def test_routes_over_tls_are_read_back_beside_plain_ones(proxy, serve):
    plain, secure = open_backend("plain"), serve("secure")
    routes = (Route(routespec="/p/", target=plain.url), Route(routespec="/s/", target=secure.url))
    await proxy.replace(*routes)

    assert [await proxy.name_at(path) for path in ("/p/", "/s/")] == ["plain", "secure"]
    assert {route.target for route in (await proxy.routes()).values()} == {plain.url, secure.url}
    await plain.close()


async def test_a_server_at_another_address_is_verified_by_that_address(proxy, serve):
    await proxy.add("/a/", serve("alice", names=["127.0.0.2"], host="127.0.0.2").url)

    assert await proxy.name_at("/a/") == "alice"


async def is_refused(proxy, target: str) -> bool:
    await proxy.add("/a/", target)
    reply = await ask(proxy.port, "/a/")
    return reply.status == 503 and (reply.name == "hub" or b"No server is responding" in reply.body)


@pytest.mark.parametrize(
    ("authority", "names", "host"),
    [
        (PROXY_API, ["localhost"], "127.0.0.1"),
        (NOTEBOOKS, ["elsewhere.example"], "127.0.0.1"),
        (NOTEBOOKS, ["localhost", "127.0.0.1"], "127.0.0.2"),
    ],
)
async def test_a_server_with_a_wrong_certificate_is_refused(proxy, serve, authority, names, host):
    assert await is_refused(proxy, serve("alice", authority, names, host).url)


async def test_a_foreign_authority_with_the_same_name_is_refused(proxy, serve, tmp_path):
    other = CertificateFolder(tmp_path / "other")
    other.prepare()

    assert await is_refused(proxy, serve("alice", of=other).url)


async def test_a_server_without_tls_is_refused_and_so_is_https_without_certificates(proxy, start, tmp_path):
    plain = open_backend("plain")

    assert await is_refused(proxy, plain.url.replace("http://", "https://"))
    await plain.close()
    bare = await start(folder=tmp_path / "bare", port=free_port())
    with pytest.raises(PluginError, match="internal_ssl"):
        await bare.add("/a/", "https://127.0.0.1:1")


async def test_a_missing_client_certificate_for_the_proxy_is_reported(start):
    with pytest.raises(PluginError, match=r"external_ssl_authorities\['proxy-client-ca'\]"):
        await start(hub_url="https://127.0.0.1:9")


async def test_requests_are_shared_among_hubs_and_other_servers_are_refused(proxy, serve):
    hubs = [serve("one", HUB, [HUB_PARTY]), serve("two", HUB, [HUB_PARTY])]
    impostor = serve("alice", NOTEBOOKS, ["localhost", "127.0.0.1"])
    more = (hubs[1].url, impostor.url)
    await proxy.hooks.route_add(
        NAME, Route(routespec="/", target=hubs[0].url, more_targets=more, data={"hub": True})
    )

    assert {await proxy.name_at("/") for _ in range(16)} == {"one", "two"}


async def test_new_certificates_are_loaded_without_a_restart(proxy, start, serve, folder):
    await proxy.add("/a/", serve("alice").url)
    folder.prepare(recreate=True)
    renewed = serve("bob")
    assert await is_refused(proxy, renewed.url)

    files = folder.issue("proxy-client", PROXY_CLIENT, ["localhost"])
    other = await start(client_tls=files, hub_url=proxy.settings.hub_url, error_url=proxy.settings.error_url)

    assert other.state == proxy.state
    assert await other.name_at("/a/") == "bob"


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("https://127.0.0.1:1", "localhost"),
        ("https://[::1]:1", "localhost"),
        ("https://10.0.0.5", "5.0.0.10.in-addr.arpa"),
        ("https://Server.Example:1", "server.example"),
        ("https://bücher.example:1", "xn--bcher-kva.example"),
    ],
)
def test_the_certificate_name_of_a_target(target, name):
    assert certificate_name(target) == name
