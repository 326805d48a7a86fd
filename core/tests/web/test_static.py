"""Static files."""

from __future__ import annotations

import gzip

from plughub.web.static import STATIC

FILE = STATIC / "hub.css"
PATH = "/hub/static/hub.css"


async def test_static_text_is_compressed_for_browsers_that_accept_it(hub):
    browser = hub.browser()
    packed = await browser.get(PATH, headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.body) == FILE.read_bytes()
    assert len(packed.body) < FILE.stat().st_size / 2
    plain = await browser.get(PATH, headers={"Accept-Encoding": "identity"})
    assert plain.body == FILE.read_bytes()


async def test_part_of_a_static_file_is_not_compressed(hub):
    part = await hub.browser().get(PATH, headers={"Accept-Encoding": "gzip", "Range": "bytes=5-9"})
    assert (part.code, part.body) == (206, FILE.read_bytes()[5:10])
    assert "Content-Encoding" not in part.headers


async def test_pages_are_not_compressed(hub):
    """Their length would reveal their secrets to those who can choose a part of them."""
    page = await hub.browser().get("/hub/login", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in page.headers
