"""Client addresses from forwarded headers: trusted from proxies, but not from other local processes."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import subprocess

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from plughub.app.trusted_proxies import proxy_addresses, proxy_users
from plughub.classes import sockets
from plughub.classes.sockets import owner_of_end
from plughub.domain.errors import StartError
from plughub.web import peers as asking
from plughub.web.forwarded_headers import apply_forwarded, is_from_named_proxy
from plughub.web.peers import TrustedPeers

FORGED = {
    "X-Forwarded-For": "203.0.113.77", "X-Forwarded-Proto": "https", "X-Real-IP": "203.0.113.78", "X-Scheme": "https",
    "Forwarded": "for=203.0.113.79;proto=https", "X-Forwarded-Host": "evil.example",
}  # fmt: skip


class PeerConnection:
    """Connection whose peer is known to be a proxy, or not to be one."""

    def __init__(self, *, is_proxy):
        self.context = self
        self.is_proxy = is_proxy

    def set_close_callback(self, callback):
        pass


def request(peer, *, is_proxy=True, **headers):
    made = HTTPServerRequest(
        start_line=RequestStartLine("GET", "/", "HTTP/1.1"),
        headers=HTTPHeaders(
            {"Host": "hub", **{name.replace("_", "-"): text for name, text in headers.items()}}
        ),
        connection=PeerConnection(is_proxy=is_proxy),  # type: ignore[arg-type]
    )
    made.remote_ip = peer
    made.protocol = "http"
    return made


@pytest.mark.parametrize(
    ("peer", "chain", "believed"),
    [
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.0.0.1", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 127.0.0.1", "127.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "203.0.113.9", "10.0.0.2"),
        ("127.0.0.1", "<script>", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "6.6.6.6, nonsense", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, ::ffff:10.0.0.1", "203.0.113.9"),
        ("127.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.1.2.3, fd00::7", "203.0.113.9"),
        ("::ffff:10.1.2.3", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_client_address(peer, chain, believed):
    made = request(peer, X_Forwarded_For=chain)
    apply_forwarded(made, TrustedPeers(("10.0.0.1", "10.1.0.0/16", "fd00::/8"), ()))
    assert made.remote_ip == believed


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("127.0.0.1", "https", "https"),
        ("127.0.0.1", "http, https", "https"),
        ("127.0.0.1", "gopher", "http"),
        ("203.0.113.9", "https", "http"),
    ],
)
def test_client_scheme(peer, proto, scheme):
    made = request(peer, X_Forwarded_Proto=proto)
    apply_forwarded(made, TrustedPeers((), ()))
    assert made.protocol == scheme


@pytest.mark.parametrize(
    ("chain", "proto", "more", "scheme"),
    [
        ("203.0.113.9, 10.0.0.1", "https, http", {}, "https"),
        ("203.0.113.9, 10.0.0.1", "https", {}, "https"),
        ("203.0.113.9, 10.0.0.1", "http, https", {}, "http"),
        ("203.0.113.9, 10.0.0.1", "http", {"X-Scheme": "https"}, "https"),
        ("203.0.113.9, 10.0.0.1", "", {"X-Scheme": "gopher"}, "http"),
        # the proxy appends its own entry to those of untrusted clients
        ("203.0.113.9", "https, http", {}, "http"),
        ("203.0.113.9", "http", {"X-Scheme": "https"}, "http"),
        ("10.0.0.1, 203.0.113.9", "https, http", {"X-Scheme": "https"}, "http"),
    ],
)
def test_only_configured_front_proxy_sets_scheme(chain, proto, more, scheme):
    made = request("127.0.0.1", X_Forwarded_For=chain, X_Forwarded_Proto=proto, **more)
    apply_forwarded(made, TrustedPeers(("10.0.0.1",), ()))
    assert made.protocol == scheme
    assert is_from_named_proxy(made) == chain.endswith("10.0.0.1")


@pytest.mark.parametrize(
    ("public", "chain", "begin"),
    [
        ("", "203.0.113.9, 10.0.0.1", "https://hub.example.org/hub/"),
        ("", "203.0.113.9", "/hub/"),
        ("https://other.example/", "203.0.113.9, 10.0.0.1", "https://other.example/hub/"),
    ],
)
async def test_links_use_forwarded_host_unless_public_url_is_set(make_hub, public, chain, begin):
    hub = await make_hub(public_url=public, options={"trusted_downstream_ips": ("10.0.0.1",)})
    for name in ("ada", "bea"):
        await hub.user(name)
    forwarded = {"Host": "hub.example.org", "X-Forwarded-For": chain, "X-Forwarded-Proto": "https, http"}
    wrapped = {"Accept": "application/jupyterhub-pagination+json"}
    listed = await (await hub.admin()).get("/hub/api/users?limit=1", headers={**forwarded, **wrapped})
    assert json.loads(listed.body)["_pagination"]["next"]["url"].startswith(begin)
    login = await hub.browser().get("/hub/login", headers=forwarded)
    is_secure = all("Secure" in cookie for cookie in login.headers.get_list("Set-Cookie"))
    assert is_secure == (chain != "203.0.113.9")


@pytest.mark.parametrize(
    ("chain", "given", "host"),
    [
        ("203.0.113.9, 10.0.0.1", "hub.example.org:8443", "hub.example.org:8443"),
        ("203.0.113.9, 10.0.0.1", "hub.example.org, inner", "hub.example.org"),
        ("203.0.113.9, 10.0.0.1", "[2001:db8::1]:80", "[2001:db8::1]:80"),
        ("203.0.113.9, 10.0.0.1", "evil.example/x?", "hub"),
        ("203.0.113.9, 10.0.0.1", "user@evil.example", "hub"),
        ("203.0.113.9, 10.0.0.1", "", "hub"),
        ("203.0.113.9", "evil.example", "hub"),
    ],
)
def test_the_configured_host_header_is_trusted_from_configured_proxies_alone(chain, given, host):
    peers = TrustedPeers(("10.0.0.1",), ())
    made = request("127.0.0.1", X_Forwarded_For=chain, X_Original_Host=given)
    apply_forwarded(made, peers, "X-Original-Host")
    assert made.host == host
    ignored = request("127.0.0.1", X_Forwarded_For=chain, X_Original_Host=given)
    apply_forwarded(ignored, peers)
    assert ignored.host == "hub"


async def test_links_use_the_host_of_the_configured_header(make_hub):
    hub = await make_hub(
        options={"trusted_downstream_ips": ("10.0.0.1",), "forwarded_host_header": "X-Forwarded-Host"}
    )
    for name in ("ada", "bea"):
        await hub.user(name)
    headers = {
        "X-Forwarded-For": "203.0.113.9, 10.0.0.1",
        "X-Forwarded-Proto": "https, http",
        "X-Forwarded-Host": "hub.example.org",
        "Host": "inner:8000",
        "Accept": "application/jupyterhub-pagination+json",
    }
    listed = await (await hub.admin()).get("/hub/api/users?limit=1", headers=headers)
    assert json.loads(listed.body)["_pagination"]["next"]["url"].startswith("https://hub.example.org/hub/")


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.0/64", ""])
def test_invalid_proxy_address_is_named(wrong):
    with pytest.raises(StartError, match="trusted_downstream_ips"):
        proxy_addresses(["10.0.0.1", "10.0.0.0/8", wrong])


def test_headers_of_untrusted_peer_are_ignored():
    made = request("127.0.0.1", is_proxy=False, **FORGED)
    apply_forwarded(made, TrustedPeers((), ()))
    assert (made.remote_ip, made.protocol, made.host) == ("127.0.0.1", "http", "hub")


async def test_headers_from_proxy_user_are_trusted(hub, caplog):
    await hub.browser(**FORGED).get("/hub/nothing")
    assert "(@203.0.113.77)" in caplog.text


async def test_headers_from_other_users_are_ignored(make_hub, caplog):
    hub = await make_hub(options={"proxy_users": frozenset({os.geteuid() + 1})})
    await hub.browser(**FORGED).get("/hub/nothing")
    assert "(@127.0.0.1)" in caplog.text
    assert "203.0.113" not in caplog.text


async def test_proxy_check_runs_once_per_connection(hub, monkeypatch):
    asked = []

    def ask(end, other):
        asked.append(end)
        return os.geteuid()

    monkeypatch.setattr(asking, "owner_of_end", ask)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(hub.address.rpartition(":")[2]))
    for _ in range(3):
        writer.write(b"HEAD /hub/api/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HEAD /hub/api/ HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert len(asked) == 1


def refuse(*_, **__):
    raise OSError("no netlink here")


@pytest.mark.parametrize("way", ["asked", "read"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
def test_owner_of_open_connection_is_found(address, way, monkeypatch):
    if way == "read":
        monkeypatch.setattr(sockets, "_ask_kernel", refuse)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as server:
        ends = server.getsockname()[:2]
        client = socket.create_connection(ends)
        accepted, _ = server.accept()
        with client, accepted:
            mine = client.getsockname()[:2]
            assert owner_of_end(mine, ends) == os.geteuid()
            assert owner_of_end(mine, (ends[0], ends[1] ^ 1)) is None
            client.shutdown(socket.SHUT_WR)
            assert owner_of_end(mine, ends) == os.geteuid()
            client.close()
            # The system reports root for a socket without a process.
            assert owner_of_end(mine, ends) is None
    assert owner_of_end(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owner_of_other_users_connection_is_found(monkeypatch):
    nobody = pwd.getpwnam("nobody").pw_uid
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = server.getsockname()
        script = f"exec 3<>/dev/tcp/127.0.0.1/{ends[1]}; echo; read"
        with subprocess.Popen(
            ["/bin/bash", "-c", script], user=nobody, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as client:
            accepted, peer = server.accept()
            with accepted:
                assert owner_of_end(peer, ends) == nobody
                monkeypatch.setattr(sockets, "_ask_kernel", refuse)
                assert owner_of_end(peer, ends) == nobody
                client.stdin.close()


def test_proxy_users_come_from_configuration_and_proxy():
    root = pwd.getpwnam("root").pw_uid
    assert proxy_users((), "") == {os.geteuid()}
    nobody = pwd.getpwnam("nobody").pw_uid
    assert proxy_users(("root",), "nobody") == {root, nobody}
    with pytest.raises(StartError, match="nosuchuser"):
        proxy_users(("nosuchuser",), "")
