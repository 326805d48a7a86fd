"""Number of requests to the API of the proxy at the same time."""

import asyncio

import pytest
from traitlets.config import Config

from plughub_chp import ConfigurableHTTPProxy


class SlowAPI:
    """An API that answers no request before a number of requests has arrived.

    Args:
        wanted: that number.
    """

    def __init__(self, wanted):
        self.wanted = wanted
        self.waiting = self.most = 0
        self.reached = asyncio.Event()

    async def answer(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        if self.waiting == self.wanted:
            self.reached.set()
        await self.reached.wait()
        self.waiting -= 1
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def slow_api():
    """An API that waits for more requests than the default allows, and its URL."""
    api = SlowAPI(12)
    async with await asyncio.start_server(api.answer, "127.0.0.1", 0) as server:
        yield api, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_as_many_requests_as_configured_are_sent_at_once(slow_api, tmp_path):
    api, url = slow_api
    settings = {"api_url": url, "auth_token": "shared", "should_start": False, "concurrency": api.wanted}
    proxy = ConfigurableHTTPProxy(runtime_dir=tmp_path, config=Config({"ConfigurableHTTPProxy": settings}))

    async with asyncio.timeout(10):
        await asyncio.gather(*(proxy.delete_route(f"/user/{number}/") for number in range(api.wanted + 3)))

    assert api.most == api.wanted
