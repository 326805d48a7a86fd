"""Paths, commands and exception texts, which only administrators may see."""

from __future__ import annotations

import json
import re

import pytest

from plughub.domain.errors import HubError, PluginError
from plughub.kinds import SpawnFailed
from plughub.web.errors import error_answer

SECRET = "/srv/lab/start.sh"
FAILURES = [
    FileNotFoundError(2, "No such file or directory", SECRET),
    SpawnFailed("there is no room", detail=f"run useradd, see {SECRET} (DockerSpawner.image)"),
    RuntimeError(f"{SECRET}: exec format error"),
]


async def everything_about_a_server(hub, browser):
    """Return all texts that a user can see about alice's failed start."""
    await browser.get("/hub/spawn")
    await browser.get("/hub/spawn-pending/alice")
    answers = [
        await browser.call("POST", "/hub/api/users/alice/server"),
        await browser.call("GET", "/hub/api/users/alice/server/progress"),
        await browser.call("GET", "/hub/api/users/alice?include_stopped_servers=1"),
        await browser.get("/hub/spawn-pending/alice"),
        await browser.get("/hub/spawn/alice"),
        await browser.get("/hub/user/alice/"),
        await browser.get("/hub/home"),
        await browser.get("/hub/error/500?url=/user/alice/"),
    ]
    return "\n".join(answer.body.decode() for answer in answers)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_only_administrators_see_details_of_failed_start(hub, failure):
    hub.tiny.failure = failure
    browser = await hub.logged_in()
    seen = await everything_about_a_server(hub, browser)
    for hidden in (SECRET, "useradd", "FileNotFoundError", "Errno", "DockerSpawner", "exec format"):
        assert hidden not in seen, hidden
    reference = seen.partition("can find details by reference ")[2][:8]
    assert len(reference) == len(reference.strip()) == 8
    admin = await hub.logged_in("root")
    assert SECRET in (await admin.get("/hub/spawn-pending/alice")).body.decode()
    events = (await admin.call("GET", "/hub/api/users/alice/server/progress")).body.decode()
    assert SECRET in events


async def test_log_entry_has_id_shown_to_user(hub, caplog):
    hub.tiny.failure = RuntimeError(f"{SECRET}: exec format error")
    browser = await hub.logged_in()
    message = json.loads((await browser.call("POST", "/hub/api/users/alice/server")).body)["message"]
    number = message.partition("can find details by reference ")[2].rstrip(".")
    [line] = [line for line in caplog.messages if f"start of alice/ ({number}) failed" in line]
    assert "exec format error" in line


@pytest.mark.parametrize("name", ["alice", "root"])
async def test_only_administrators_see_why_stop_failed(hub, name):
    browser = await hub.logged_in()
    await browser.call("POST", "/hub/api/users/alice/server")
    hub.tiny.stuck = f"no rights for {SECRET}"
    reader = await hub.logged_in(name)
    answer = await reader.call("DELETE", "/hub/api/users/alice/server")
    assert answer.code == 500
    assert (SECRET in answer.body.decode()) is (name == "root")
    hub.tiny.stuck = ""
    assert (await reader.call("DELETE", "/hub/api/users/alice/server")).code == 204


@pytest.mark.parametrize("details", [False, True])
def test_only_administrators_see_details_of_plugin_errors(details):
    error = PluginError("docker", "hub_spawn", f"FileNotFoundError: {SECRET}")
    answer = error_answer(error, 500, details=details)
    assert (SECRET in answer.full_message, "FileNotFoundError" in answer.details) == (details, details)
    assert "plugin 'docker' failed" in answer.message
    assert SECRET not in answer.message


@pytest.mark.parametrize("name", ["alice", "root"])
@pytest.mark.parametrize("error", [HubError("no room", detail=f"see {SECRET}"), RuntimeError(SECRET)])
async def test_failed_request_and_log_entry_have_the_same_reference(hub, caplog, monkeypatch, name, error):
    async def fail(*_arguments):
        raise error

    browser = await hub.logged_in(name)
    monkeypatch.setattr(hub.services.tokens, "of_user", fail)
    page = (await browser.get("/hub/token")).body.decode()
    reference = re.search(r"by reference ([0-9a-f]{8})\.", page)[1]
    shown = name == "root" and isinstance(error, HubError)
    assert (SECRET in page, 'id="error-details"' in page) == (shown, shown)
    assert any(f"({reference})" in line for line in caplog.messages)
    model = json.loads((await browser.call("GET", f"/hub/api/users/{name}/tokens")).body)
    assert any(f"({model['reference']})" in line for line in caplog.messages)
    assert (SECRET in model["message"]) is shown
    usual = (await browser.get("/hub/nothing")).body.decode()
    assert "reference" not in usual
