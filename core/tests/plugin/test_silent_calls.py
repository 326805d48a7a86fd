"""Code of a plugin that does not return is named while the hub still waits for it."""

from __future__ import annotations

import logging
import re
import time

import pytest

from plughub.app.class_plugins import import_class
from plughub.app.problems import _without_log
from plughub.plugin.hook_calls import failing_start
from plughub.plugin.loader import installed_plugins
from plughub.testing import delays
from plughub.testing.conditions import keep_busy

WAITING = "the hub has been waiting for"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    delays.shorten(monkeypatch, ("SILENT_PLUGIN_SECONDS",), 500)


@pytest.fixture
def until_named(caplog):
    """Return a function that does not return until the log names it."""

    def wait(*_):
        end = time.monotonic() + 5
        while WAITING not in caplog.text and time.monotonic() < end:
            keep_busy(0.005)

    return wait


@pytest.mark.parametrize(
    "hook", ["hub_configure", "hub_register_pages", "hub_login_method", "hub_proxy_info"]
)
def test_a_hook_that_does_not_return_is_named_with_its_line(
    plugins, caller, caplog, fakes, until_named, hook
):
    def stuck():
        until_named()

    plugins.add("slow", fakes.plugin(**{hook: stuck}))
    caller.register(hook)
    place = rf"\({__file__}:\d+, stuck\)"
    assert re.search(rf"{WAITING} plugin 'slow' in {hook} for 0\.02 s {place}", caplog.text)


def test_a_constructor_that_does_not_return_is_named(caplog, until_named):
    with failing_start("slow", "the constructor of Slow"):
        until_named()
    assert f"{WAITING} plugin 'slow' in the constructor of Slow for 0.02 s ({__file__}:" in caplog.text


def test_an_import_that_does_not_return_is_named(install, caplog):
    module = install("slow", "import threading\nthreading.Event().wait(0.5)")
    installed_plugins()["slow"].load()
    assert f"{WAITING} the import of plugin 'slow' (plughub-slow 1.0) for 0.02 s (" in caplog.text
    assert f"{module}.py:2, <module>)" in caplog.text


def test_the_import_of_a_class_that_does_not_return_is_named(install, caplog):
    module = install("slow", "import threading\nthreading.Event().wait(0.5)\nclass Slow: ...")
    import_class("spawner", f"{module}.Slow")
    assert f"{WAITING} the import of c.JupyterHub.spawner_class = '{module}.Slow' for 0.02 s" in caplog.text


def test_the_search_for_problems_does_not_wait_silently(caplog, until_named):
    with _without_log(), failing_start("slow", "hub_configure"):
        logging.getLogger("plughub").error("told twice otherwise")
        until_named()
    assert f"{WAITING} plugin 'slow' in hub_configure" in caplog.text
    assert "told twice" not in caplog.text


def test_a_call_that_returns_is_not_named(plugins, caller, caplog, fakes):
    plugins.add("quick", fakes.plugin(hub_register_pages=lambda: ()))
    caller.register("hub_register_pages")
    keep_busy(0.05)
    assert WAITING not in caplog.text
