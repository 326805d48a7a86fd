"""Operations in which the hub's own code fails unexpectedly."""

import itertools

import pytest

from plughub.domain.backoff import Backoff
from plughub.domain.errors import UnavailableError
from plughub.domain.servers import Phase, Status
from plughub.services.operations import runner


class DefectiveSteps:
    """Steps with a defect in some phases; the others are those of the hub."""

    def __init__(self, steps, phases, error):
        self.steps = steps
        self.phases = phases
        self.error = error

    def prepare(self, tx, operation, server, user):
        return self.steps.prepare(tx, operation, server, user)

    async def run(self, job):
        if job.phase in self.phases:
            raise self.error
        await self.steps.run(job)


@pytest.fixture
def wrong(hub, monkeypatch):
    """Make the hub fail in some phases of starts and stops."""
    monkeypatch.setattr(runner, "RETRY_BACKOFF", Backoff(0.01, 1.0))

    def make(*phases, error=None):
        steps = dict(hub.runner._steps)
        hub.runner.set_steps(
            {kind: DefectiveSteps(steps[kind], phases, error or KeyError("secret")) for kind in steps}
        )
        return lambda: hub.runner.set_steps(steps)

    return make


async def test_a_start_with_an_unexpected_error_ends_and_reports_it(hub, machine, wrong, caplog):
    mend = wrong(Phase.LAUNCH)
    server = await hub.started()
    assert (server.status, server.operation) == (Status.STOPPED, None)
    assert server.failure.message == "the server could not be started: an internal error occurred in the hub"
    assert server.failure.detail == "KeyError; see the log of the hub"
    assert caplog.text.count("launch of") == runner.TRIES
    assert machine.running == {}
    mend()
    assert (await hub.started()).ready


async def test_a_failing_cleanup_is_postponed_with_a_reason(hub, machine, wrong, until):
    mend = wrong(Phase.LAUNCH, Phase.UNDO)
    await hub.servers.start(await hub.user())
    await until(lambda: not hub.runner._tasks)
    server = await hub.servers.get("alice", "")
    assert server.failed_start
    assert (
        server.operation.problem == "an internal error occurred in the hub\nKeyError; see the log of the hub"
    )
    assert server.operation.retry_at
    mend()
    assert (await hub.started()).ready, "who tries again has it tidied up at once"
    assert len(machine.running) == 1


async def test_a_failing_stop_is_postponed_with_a_reason_and_retried(hub, machine, wrong, until):
    server = await hub.started()
    mend = wrong(Phase.UNROUTE)
    await hub.servers.stop(server)
    await until(lambda: not hub.runner._tasks)
    waits = await hub.servers.get("alice", "")
    assert (waits.pending, "KeyError" in waits.operation.problem) == ("stop", True)
    mend()
    await hub.servers.stop(waits)
    stopped = await hub.servers.wait(server, 20)
    assert (stopped.status, machine.running) == (Status.STOPPED, {})


async def test_a_start_waits_for_the_database(hub, wrong, caplog, until):
    mend = wrong(Phase.LAUNCH, error=UnavailableError("the database does not answer"))
    asked = await hub.servers.start(await hub.user())
    await until(lambda: caplog.text.count("retrying ") > 3 * runner.TRIES)
    mend()
    assert (await hub.servers.wait(asked, 20)).ready


async def test_delays_between_retries_grow(hub, wrong, monkeypatch):
    pauses = []
    again = hub.runner._resume_later

    async def noted(job, pause):
        pauses.append(pause)
        await again(job, pause)

    monkeypatch.setattr(hub.runner, "_resume_later", noted)
    wrong(Phase.LAUNCH)
    await hub.started()
    assert [later / earlier for earlier, later in itertools.pairwise(pauses)] == [2.0] * (runner.TRIES - 1)
