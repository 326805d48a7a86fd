"""Log levels of requests in the access log."""

import logging

import pytest

from plughub.handlers import PageHandler
from plughub.kinds import Page


class OpenPage(PageHandler):
    def get(self, _rest: str = "") -> None:
        self.finish("open")


NEIGHBOURS = ("/logo-board", "/healthcare", "/metrics-board", "/metrics/of/lab", "/statics", "/apiary")
ROUTINE = ("/hub/logo", "/hub/health", "/hub/static/hub.css", "/hub/api", "/hub/api/", "/hub/api/health")


@pytest.fixture
async def hub(make_hub, caplog):
    caplog.set_level(logging.DEBUG, logger="plughub.web")
    return await make_hub(pages=tuple(Page(path=path, handler=OpenPage) for path in NEIGHBOURS))


def levels(caplog, path):
    return [record.levelno for record in caplog.records if f" GET {path} " in record.getMessage()]


async def test_logout_is_logged(hub, caplog):
    browser = await hub.logged_in()
    await browser.get("/hub/logout")
    assert levels(caplog, "/hub/logout") == [logging.INFO]


@pytest.mark.parametrize("path", NEIGHBOURS)
async def test_page_with_prefix_of_routine_page_is_logged(hub, caplog, path):
    assert (await hub.browser().get(f"/hub{path}")).code == 200
    assert levels(caplog, f"/hub{path}") == [logging.INFO]


@pytest.mark.parametrize("path", ROUTINE)
async def test_routine_requests_are_logged_at_debug_level_only(hub, caplog, path):
    assert (await hub.browser().get(path)).code == 200
    assert levels(caplog, path) == [logging.DEBUG]
