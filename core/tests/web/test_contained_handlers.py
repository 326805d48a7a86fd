"""Handlers of plugins that raise what would end the process."""

from __future__ import annotations

import pytest
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

from plughub.handlers import APIHandler, PageHandler
from plughub.kinds import Page


class StopError(BaseException):
    """Exception that is no Exception, as greenlets and other event loops have."""


def fail(self, *_, **_named):
    raise self.error


async def fail_later(self, *_):
    raise self.error


def sends(self):
    self.finish("sent")


def page(base, error, **methods):
    handler = type("Failing", (base,), {"get": sends, **methods, "error": error, "__module__": __name__})
    return Page(path="/failing", handler=handler)


METHODS = {
    "get": fail,
    "get later": fail_later,
    "prepare": fail,
    "prepare later": fail_later,
}


@pytest.mark.parametrize("error", [SystemExit(7), KeyboardInterrupt("stop"), StopError("stop")])
@pytest.mark.parametrize("base", [PageHandler, APIHandler, RequestHandler])
@pytest.mark.parametrize("method", ["get", "get later"])
async def test_a_page_that_exits_is_answered_with_an_error_and_named(make_hub, caplog, base, method, error):
    hub = await make_hub(pages=(page(base, error, get=METHODS[method]),))
    assert (await hub.browser().get("/hub/failing")).code == 500
    assert "plugin 'known' failed in get of its page /failing: " in caplog.text
    assert (await hub.browser().get("/hub/login")).code == 200


async def test_a_page_of_a_config_file_is_contained_too(make_hub, caplog):
    names = {}
    exec("def get(self): raise SystemExit(7)", names)
    assert names["get"].__module__ is None
    hub = await make_hub(pages=(page(RequestHandler, None, get=names["get"]),))
    assert (await hub.browser().get("/hub/failing")).code == 500
    assert "failed in get of its page /failing: SystemExit: 7" in caplog.text


@pytest.mark.parametrize("method", ["prepare", "prepare later", "write_error"])
async def test_other_methods_that_exit_are_contained(make_hub, caplog, method):
    name = method.partition(" ")[0]
    methods = {name: METHODS.get(method, fail), "get": fail}
    hub = await make_hub(pages=(page(RequestHandler, SystemExit(7), **methods),))
    assert (await hub.browser().get("/hub/failing")).code == 500
    assert f"plugin 'known' failed in {name} of its page /failing: SystemExit: 7" in caplog.text


async def test_an_exit_after_the_answer_is_contained(make_hub, caplog):
    hub = await make_hub(pages=(page(RequestHandler, SystemExit(7), on_finish=fail),))
    assert (await hub.browser().get("/hub/failing")).body == b"sent"
    assert "plugin 'known' failed in on_finish of its page /failing: SystemExit: 7" in caplog.text


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("open", fail),
        ("open", fail_later),
        ("on_message", fail),
        ("on_message", fail_later),
        ("on_close", fail),
    ],
)
async def test_a_websocket_that_exits_is_closed_and_named(make_hub, caplog, name, method):
    methods = {"get": WebSocketHandler.get, "on_message": lambda self, message: None, name: method}
    hub = await make_hub(pages=(page(WebSocketHandler, SystemExit(7), **methods),))
    client = await websocket_connect(f"{hub.address.replace('http', 'ws')}/hub/failing")
    if name == "on_message":
        await client.write_message("hello")
    if name == "on_close":
        client.close()
    assert await client.read_message() is None
    told = f"plugin 'known' failed in {name} of its page /failing: SystemExit: 7"

    async def is_named():
        return told in caplog.text

    await hub.until(is_named)
    assert (await hub.browser().get("/hub/login")).code == 200
    client.close()
