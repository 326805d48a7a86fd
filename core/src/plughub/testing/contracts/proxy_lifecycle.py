"""The contract of a proxy's lifecycle."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from plughub.domain.errors import PluginError
from plughub.domain.routes import Route
from plughub.kinds import ProxySettings
from plughub.plugin.threads import ThreadPools
from plughub.testing.backends import Backend, open_websocket
from plughub.testing.conditions import until
from plughub.testing.contracts.proxy_under_test import Make, ProxyFixtures, ProxyUnderTest

HALF_DEAD: Final = 1000


class ProxyLifecycleContract(ProxyFixtures):
    """Start, stop, resume, restart, and remaining resources.

    Attributes:
        hangs_up_on_clients: the proxy disconnects a client that ignores the end of its websocket; otherwise
            only clients that hang up, as browsers do, leave nothing behind.
    """

    hangs_up_on_clients: bool = True

    async def test_starting_what_runs_leaves_it_alone(self, proxy: ProxyUnderTest, alice: Backend) -> None:
        await proxy.add("/user/alice/", alice.url)
        before = proxy.state
        await proxy.start()

        assert proxy.state == before
        assert await proxy.name_at("/user/alice/") == "alice"

    @pytest.mark.parametrize("remembers", [True, False], ids=["with its state", "without any state"])
    async def test_another_hub_process_finds_the_running_proxy(
        self, proxy: ProxyUnderTest, alice: Backend, *, remembers: bool
    ) -> None:
        await proxy.add("/user/alice/", alice.url, user="alice", server_name="")
        first = proxy.state
        proxy.new_hub()
        proxy.state = first if remembers else {}
        await proxy.start()

        assert proxy.state == first
        assert await proxy.poll() is None
        assert (await proxy.routes())["/user/alice/"].data == {"user": "alice", "server_name": ""}
        assert await proxy.name_at("/user/alice/") == "alice"

    async def test_a_killed_proxy_is_noticed_and_comes_back_with_all_routes(
        self, proxy: ProxyUnderTest, alice: Backend, bob: Backend
    ) -> None:
        routes = [
            Route(routespec="/user/alice/", target=alice.url, data={"user": "alice"}),
            Route(routespec="/user/bob/", target=bob.url, data={"user": "bob"}),
        ]
        await proxy.replace(*routes)
        os.kill(proxy.state["pid"], signal.SIGKILL)

        async def gone() -> bool:
            try:
                return await proxy.poll() is not None
            except PluginError:
                return False

        await until(gone)
        await proxy.start()
        await proxy.replace(*routes)

        assert await proxy.poll() is None
        assert set(await proxy.routes()) == {"/user/alice/", "/user/bob/"}
        assert await proxy.name_at("/user/alice/") == "alice"
        assert await proxy.name_at("/user/bob/") == "bob"

    async def test_a_stopped_proxy_is_gone_and_can_be_stopped_again(self, proxy: ProxyUnderTest) -> None:
        family = _family(proxy.state)
        await proxy.stop()
        await proxy.stop()

        assert await proxy.poll() is not None
        assert not [process for process in family if _is_alive(process)]

    async def test_a_port_in_use_is_named_and_nothing_is_left_running(
        self, make_plugin: Make, proxy_settings: ProxySettings, tmp_path: Path
    ) -> None:
        with socket.create_server(("127.0.0.1", proxy_settings.port)):
            pools = ThreadPools()
            with pytest.raises(PluginError) as raised:
                await ProxyUnderTest(make_plugin, proxy_settings, pools).start()
            pools.close()

        assert f"port {proxy_settings.port} is in use" in str(raised.value)
        assert str(os.getpid()) in str(raised.value)
        assert not [process for process in psutil.process_iter() if _works_in(process, tmp_path)]

    @pytest.mark.usefixtures("many_files")
    async def test_1000_half_dead_websockets_leave_no_open_file_behind(self, proxy: ProxyUnderTest) -> None:
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "plughub.testing.backends", "alice", stdout=asyncio.subprocess.PIPE
        )
        assert server.stdout is not None
        port = int(await server.stdout.readline())
        await proxy.add("/user/alice/", f"http://127.0.0.1:{port}")
        await proxy.name_at("/user/alice/")
        before = _open_files(proxy.state)
        sockets = []
        for _ in range(HALF_DEAD // 50):
            opened = (open_websocket(proxy.port, "/user/alice/ws") for _ in range(50))
            sockets += await asyncio.gather(*opened)
        clients = [] if self.hangs_up_on_clients else [_hang_up(*each) for each in sockets]
        hanging_up = asyncio.gather(*clients)
        assert _open_files(proxy.state) >= before + 2 * HALF_DEAD - 10
        server.kill()
        await server.wait()

        async def back() -> bool:
            assert await proxy.poll() is None
            return _open_files(proxy.state) <= before + 10

        await until(back, seconds=60, pause=0.2)
        await hanging_up
        for _, writer in sockets:
            writer.close()

    @pytest.fixture
    def many_files(self) -> Iterator[None]:
        """Raise the limit of open files to the hard limit."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 3 * HALF_DEAD:
            pytest.skip(f"this user may open {hard} files only")
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
        yield
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _family(state: Mapping[str, Any]) -> list[psutil.Process]:
    master = psutil.Process(state["pid"])
    return [master, *master.children(recursive=True)]


def _is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _open_files(state: Mapping[str, Any]) -> int:
    return sum(process.num_fds() for process in _family(state))


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:
        return False


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
