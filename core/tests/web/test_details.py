"""Paths, commands and texts of exceptions: administrators read them, users do not, on no page and in no answer."""

from __future__ import annotations

import json

import pytest

from plughub.domain.errors import PluginError
from plughub.kinds import SpawnFailed
from plughub.web.errors import error_answer

SECRET = "/srv/lab/start.sh"
FAILURES = [
    FileNotFoundError(2, "No such file or directory", SECRET),
    SpawnFailed("there is no room", detail=f"run useradd, see {SECRET} (DockerSpawner.image)"),
    RuntimeError(f"{SECRET}: exec format error"),
]


async def everything_about_a_server(hub, browser):
    """Collect all that a person can get to see of a failed start of alice."""
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
async def test_a_user_reads_no_detail_of_a_failed_start_and_an_administrator_does(hub, failure):
    hub.tiny.failure = failure
    browser = await hub.logged_in()
    seen = await everything_about_a_server(hub, browser)
    for hidden in (SECRET, "useradd", "FileNotFoundError", "Errno", "DockerSpawner", "exec format"):
        assert hidden not in seen, hidden
    reference = seen.partition("finds details under ")[2][:8]
    assert len(reference) == len(reference.strip()) == 8
    admin = await hub.logged_in("root")
    assert SECRET in (await admin.get("/hub/spawn-pending/alice")).body.decode()
    events = (await admin.call("GET", "/hub/api/users/alice/server/progress")).body.decode()
    assert SECRET in events


async def test_the_log_has_the_detail_under_the_number_that_the_user_reads(hub, caplog):
    hub.tiny.failure = RuntimeError(f"{SECRET}: exec format error")
    browser = await hub.logged_in()
    said = json.loads((await browser.call("POST", "/hub/api/users/alice/server")).body)["message"]
    number = said.partition("finds details under ")[2].rstrip(".")
    [line] = [line for line in caplog.messages if f"start {number}" in line]
    assert "exec format error" in line


@pytest.mark.parametrize("who", ["alice", "root"])
async def test_only_an_administrator_reads_why_a_server_could_not_be_stopped(hub, who):
    browser = await hub.logged_in()
    await browser.call("POST", "/hub/api/users/alice/server")
    hub.tiny.stuck = f"no rights for {SECRET}"
    reader = await hub.logged_in(who)
    answer = await reader.call("DELETE", "/hub/api/users/alice/server")
    assert answer.code == 500
    assert (SECRET in answer.body.decode()) is (who == "root")
    hub.tiny.stuck = ""
    assert (await reader.call("DELETE", "/hub/api/users/alice/server")).code == 204


@pytest.mark.parametrize("details", [False, True])
def test_an_error_of_a_plugin_says_only_to_administrators_what_went_wrong(details):
    error = PluginError("docker", "hub_spawn", f"FileNotFoundError: {SECRET}")
    answer = error_answer(error, 500, details=details)
    assert (SECRET in answer.message, "FileNotFoundError" in answer.message) == (details, details)
    assert "plugin 'docker' failed" in answer.message
