"""Operations at which the code of the hub itself fails, in ways that nobody foresaw."""

import itertools

import pytest

from plughub.domain.backoff import Backoff
from plughub.domain.errors import UnavailableError
from plughub.domain.servers import Phase, Status
from plughub.services.operations import runner


class Wrong:
    """Steps with a mistake in some phases; the others are those of the hub."""

    def __init__(self, steps, phases, error):
        self.steps = steps
        self.phases = phases
        self.error = error

    async def run(self, job):
        if job.phase in self.phases:
            raise self.error
        await self.steps.run(job)


@pytest.fixture
def wrong(hub, monkeypatch):
    """Have the hub fail in some phases of starts and stops."""
    monkeypatch.setattr(runner, "RETRY_BACKOFF", Backoff(0.01, 1.0))

    def make(*phases, error=None):
        steps = dict(hub.runner._steps)
        hub.runner.use({kind: Wrong(steps[kind], phases, error or KeyError("secret")) for kind in steps})
        return lambda: hub.runner.use(steps)

    return make


async def test_a_start_that_fails_in_a_way_that_nobody_foresaw_ends_and_says_so(hub, machine, wrong, caplog):
    mend = wrong(Phase.LAUNCH)
    server = await hub.started()
    assert (server.status, server.operation) == (Status.STOPPED, None)
    assert server.failure.message == "the server could not be started: the hub itself failed at it"
    assert server.failure.detail == "KeyError, its log tells more"
    assert caplog.text.count("launch of") == runner.TRIES
    assert machine.running == {}
    mend()
    assert (await hub.started()).ready


async def test_what_tidies_up_is_put_off_and_says_why(hub, machine, wrong, until):
    mend = wrong(Phase.LAUNCH, Phase.UNDO)
    await hub.servers.start(await hub.user())
    await until(lambda: not hub.runner._tasks)
    server = await hub.servers.get("alice", "")
    assert server.failed_start
    assert server.operation.trouble == "the hub itself failed at it\nKeyError, its log tells more"
    assert server.operation.again_at
    mend()
    assert (await hub.started()).ready, "who tries again has it tidied up at once"
    assert len(machine.running) == 1


async def test_a_stop_is_put_off_and_says_why_and_is_done_once_the_mistake_is_mended(
    hub, machine, wrong, until
):
    server = await hub.started()
    mend = wrong(Phase.UNROUTE)
    await hub.servers.stop(server)
    await until(lambda: not hub.runner._tasks)
    waits = await hub.servers.get("alice", "")
    assert (waits.pending, "KeyError" in waits.operation.trouble) == ("stop", True)
    mend()
    await hub.servers.stop(waits)
    stopped = await hub.servers.wait(server, 20)
    assert (stopped.status, machine.running) == (Status.STOPPED, {})


async def test_a_database_in_trouble_is_waited_for_and_ends_no_start(hub, wrong, caplog, until):
    mend = wrong(Phase.LAUNCH, error=UnavailableError("the database does not answer"))
    asked = await hub.servers.start(await hub.user())
    await until(lambda: caplog.text.count("is tried again") > 3 * runner.TRIES)
    mend()
    assert (await hub.servers.wait(asked, 20)).ready


async def test_the_pauses_between_the_tries_grow(hub, wrong, monkeypatch):
    pauses = []
    again = hub.runner._again

    async def noted(job, pause):
        pauses.append(pause)
        await again(job, pause)

    monkeypatch.setattr(hub.runner, "_again", noted)
    wrong(Phase.LAUNCH)
    await hub.started()
    assert [later / earlier for earlier, later in itertools.pairwise(pauses)] == [2.0] * (runner.TRIES - 1)
