"""A hub used through a browser: its pages and JupyterLab."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from playwright.async_api import TimeoutError as NotYetError

PATIENCE: Final = 90_000
"""Milliseconds that a person waits for a page."""
_SECOND_TRY: Final = 15_000
_KERNEL_PATIENCE: Final = 45_000


def write_notebook(path: Path, source: str, uid: int) -> None:
    """Write a notebook with one cell.

    Args:
        path: where.
        source: of the cell.
        uid: owner of the file.
    """
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "cell",
        "metadata": {},
        "outputs": [],
        "source": source,
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))
    os.chown(path, uid, -1)


async def log_in(page: Any, url: str, name: str, password: str, *, then: str = "") -> None:
    """Fill in the login form.

    Args:
        page: of the browser.
        url: of the hub.
        name: as typed.
        password: as typed.
        then: path to open afterwards; empty to follow the hub's redirect.
    """
    await page.goto(f"{url}hub/login{then and f'?next={quote(then)}'}", timeout=PATIENCE)
    await page.fill("#username_input", name)
    await page.fill("#password_input", password)
    await page.click("#login_submit")


async def arrive(page: Any, url: Any) -> None:
    """Wait until the browser has received a page, and do not wait until JupyterLab has loaded in it.

    Args:
        page: of the browser.
        url: address, glob pattern or function that the address of the page must match.
    """
    await page.wait_for_url(url, timeout=PATIENCE, wait_until="commit")


async def run_notebook(page: Any, url: str, name: str, notebook: str) -> str:
    """Open a notebook in JupyterLab, run its first cell, and read what it printed.

    Args:
        page: of the browser, logged in.
        url: of the hub.
        name: of the user.
        notebook: path of the notebook below the user's home.

    Returns:
        The output of the cell.
    """
    await page.goto(f"{url}user/{quote(name)}/lab/tree/{notebook}", timeout=PATIENCE)
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    await cell.click(timeout=PATIENCE)
    await _wait_for_kernel(page)
    output = page.locator(".jp-OutputArea-output").first
    ends = time.monotonic() + PATIENCE / 1000
    while not await output.is_visible():  # as people do when the page was not listening yet
        if time.monotonic() > ends:
            raise AssertionError(f"the cell printed nothing; the page says: {await page.inner_text('body')}")
        await cell.click(timeout=PATIENCE)
        await page.keyboard.press("Shift+Enter")
        with contextlib.suppress(NotYetError):
            await output.wait_for(timeout=_SECOND_TRY)
    return str(await output.inner_text()).strip()


async def _wait_for_kernel(page: Any) -> None:
    """Wait until the kernel is idle; reload the page once, as people do when its kernel does not connect."""
    indicator = page.locator(".jp-Notebook-ExecutionIndicator").first
    idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first
    for last in (False, True):
        try:
            await idle.wait_for(timeout=_KERNEL_PATIENCE)
        except NotYetError as error:
            status = await indicator.get_attribute("data-status", timeout=_SECOND_TRY)
            print(f"the kernel of {page.url} is {status!r}, not idle")  # noqa: T201 - shown when the test fails
            if last:
                raise AssertionError(f"the kernel stayed {status!r} after the page was reloaded") from error
            await page.reload(timeout=PATIENCE)
        else:
            return
