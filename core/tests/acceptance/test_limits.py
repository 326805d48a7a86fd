"""Anonymous clients and local users overload a real hub, through each proxy and at its own port."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from textwrap import dedent
from urllib.parse import urlsplit

import psutil
import pytest

from plughub.testing.client import client_of
from plughub.testing.hub import HubProcess
from plughub.testing.ports import free_port

pytestmark = pytest.mark.timeout(180)
CLIENTS = 1100
SOFT = 1024
SLOW = b"POST /hub/login HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\na"
CONFIG = dedent("""
    c.Authenticator.allow_all = True
    c.Spawner.cmd = [{python!r}, "-m", "plughub.testing.tiny_server"]
    c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/homes/{{username}}"
""")


@pytest.fixture
def few_descriptors():
    """Processes launched from here start with the usual soft limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * CLIENTS:
        pytest.skip("the hard limit of descriptors is too low")
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ask(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("proxy", ["haproxy", pytest.param("chp", marks=pytest.mark.node)])
def test_slow_clients_block_no_users_and_local_users_forge_no_address(tmp_path, few_descriptors, proxy):
    config = CONFIG.format(python=sys.executable, folder=tmp_path)
    if proxy == "chp":
        config += f"c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:{free_port()}'\n"
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(tmp_path, "--plugins", f"dummy,simple,{proxy}", config=config))
        assert f"raised the limit of open files from {SOFT} to" in hub.output
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        assert resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)

        assert client_of(hub, "ada")("POST", "/users/ada/server", {}).status == 201
        server = next(one for one in hub.processes() if "tiny_server" in " ".join(one.cmdline()))
        assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (SOFT, hard)

        own = f"http://127.0.0.1:{hub.hub_port}/hub/"
        forged = {
            "X-Forwarded-For": "203.0.113.77",
            "X-Real-IP": "203.0.113.78",
            "Forwarded": "for=203.0.113.79",
        }
        ask(f"{hub.url}hub/by-proxy", **forged)
        if os.geteuid() == 0:
            ask_as("daemon", f"{own}by-local-user", forged["X-Forwarded-For"])
        assert "203.0.113" not in hub.output
        assert "by-proxy (@127.0.0.1)" in hub.output

        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        for address in (hub.url, own):
            parts = urlsplit(address)
            for _ in range(CLIENTS):
                client = stack.enter_context(socket.create_connection((parts.hostname, parts.port)))
                with contextlib.suppress(ConnectionError):
                    client.sendall(SLOW)
            assert ask(f"{address.removesuffix('hub/')}hub/login") == 200
        assert client_of(hub, "ada")("GET", "/users/ada").status == 200
        held = psutil.Process(hub.process.pid).num_fds()
        # HAProxy holds back incomplete requests; the other proxy forwards them.
        assert held < (1.5 if proxy == "haproxy" else 2.5) * CLIENTS


def ask_as(user, url, address):
    """Send a request to the hub's own port as a system user, with a forged client address."""
    parts = urlsplit(url)
    lines = f"GET {parts.path} HTTP/1.0\\r\\nHost: x\\r\\nX-Forwarded-For: {address}\\r\\n\\r\\n"
    script = f"exec 3<>/dev/tcp/{parts.hostname}/{parts.port}; printf '{lines}' >&3; cat <&3"
    account = pwd.getpwnam(user)
    said = subprocess.run(
        ["/bin/bash", "-c", script], user=account.pw_uid, group=account.pw_gid, extra_groups=[], cwd="/",
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert said.startswith(b"HTTP/1.1 404"), said
