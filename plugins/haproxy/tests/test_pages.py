"""HAProxy's own error responses, for browsers and for programs."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import async_playwright

from plughub.testing.backends import ask, open_backend, raw_server
from plughub.testing.ports import free_port
from plughub.testing.steady_chromium import steady_chromium
from plughub_haproxy.pages import GERMAN, LARGE_HEADERS, PAGES

NO_HUB = "http://127.0.0.1:9/hub/error"


async def break_off(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def send_nonsense(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"no HTTP at all\r\n\r\n")


async def refuse(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 503 Mine\r\nContent-Length: 4\r\nContent-Type: text/plain\r\n\r\nmine")


@pytest.mark.parametrize(
    ("path", "accept", "is_json"),
    [
        ("lab", "text/html,application/json;q=0.9,*/*;q=0.8", False),
        ("lab", "*/*", False),
        ("lab", "application/json", True),
        ("api/contents", "*/*", True),
    ],
)
@pytest.mark.parametrize(("server", "status"), [(None, 503), (break_off, 502), (send_nonsense, 502)])
async def test_browsers_get_a_page_that_reloads_and_programs_get_json(
    start, server, status, path, accept, is_json
):
    proxy = await start(error_url=NO_HUB)
    async with raw_server(server or break_off) as url:
        await proxy.add("/user/ada/", url if server else "http://127.0.0.1:9")
        reply = await ask(proxy.port, f"/user/ada/{path}", headers={"Accept": accept})
    assert reply.status == status
    assert (reply.headers["retry-after"], reply.headers["cache-control"]) == ("5", "no-store")
    if is_json:
        assert reply.headers["content-type"] == "application/json"
        assert json.loads(reply.body) == {"status": status, "message": f"{PAGES[status].title}."}
    else:
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert PAGES[status].title in reply.body.decode()
        assert b'<meta http-equiv="refresh" content="5">' in reply.body


async def test_an_error_that_a_server_answers_itself_is_left_alone(start):
    proxy = await start(error_url=NO_HUB)
    async with raw_server(refuse) as url:
        await proxy.add("/user/ada/", url)
        reply = await ask(proxy.port, "/user/ada/api/x", headers={"Accept": "application/json"})
    assert (reply.status, reply.body, reply.headers["content-type"]) == (503, b"mine", "text/plain")


async def test_headers_that_nearly_fill_the_buffer_are_refused_with_a_page(start):
    proxy = await start(error_url=NO_HUB)
    async with raw_server(refuse) as url:
        await proxy.add("/user/ada/", url)
        for size, status in ((LARGE_HEADERS - 1000, 503), (LARGE_HEADERS, 431), (LARGE_HEADERS + 4096, 431)):
            reply = await ask(proxy.port, "/user/ada/", headers={"Cookie": "x" * size})
            assert reply.status == status
    assert b"Delete the cookies of this site" in reply.body


@pytest.mark.parametrize(
    ("language", "accept", "title"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "text/html", "Unter dieser Adresse antwortet kein Server"),
        ("en-US,de;q=0.5", "text/html", "No server is responding at this address"),
        ("de", "application/json", '"message": "No server is responding at this address."'),
    ],
)
async def test_the_page_has_the_language_of_the_browser_and_says_that_servers_keep_running(
    start, language, accept, title
):
    proxy = await start(error_url=NO_HUB)
    await proxy.add("/user/ada/", "http://127.0.0.1:9")
    reply = await ask(proxy.port, "/user/ada/lab", headers={"Accept": accept, "Accept-Language": language})
    text = reply.body.decode()
    assert (reply.status, title in text) == (503, True)
    if accept == "text/html":
        assert text.count("<header>") == text.count("<main>") == 1
        assert ("Servers keep running" in text) is not ("Server laufen weiter" in text)
    assert reply.headers["content-type"] == (
        "text/html; charset=utf-8" if accept == "text/html" else "application/json"
    )


def test_every_page_has_a_german_text():
    assert GERMAN.keys() == PAGES.keys()
    assert all(GERMAN[status].retry == page.retry for status, page in PAGES.items())


@pytest.mark.browser
async def test_in_a_browser_the_page_follows_dark_mode_and_is_replaced_by_the_server(start):
    port = free_port()
    proxy = await start(error_url=NO_HUB)
    await proxy.add("/user/ada/", f"http://127.0.0.1:{port}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=steady_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(color_scheme="dark")
        await page.goto(f"http://127.0.0.1:{proxy.port}/user/ada/lab")
        dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.emulate_media(color_scheme="light")
        light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark, light) == ("rgb(20, 24, 30)", "rgb(246, 247, 249)")
        server = open_backend("ada", port)
        async with asyncio.timeout(30):
            await page.wait_for_function('document.body?.innerText.includes(\'"name": "ada"\')', timeout=0)
        await browser.close()
    await server.close()
