"""Hubs that are killed while containers start, stop and die.

The whole of it: ``python -m plughub.testing.crash.matrix --spawners docker``.
"""

import pytest

from plughub.testing.crash.run import NOT_REACHED, run_matrix
from plughub.testing.crash.table import Column, faults_of, lines_of
from plughub_docker.testing.crash import Containers

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
ACTIONS = ("start", "stop", "cancel start", "server dies")
EVERY, OFFSET = 4, 3


def test_a_hub_that_is_killed_at_any_step_leaves_no_orphaned_container(engine, tmp_path):
    database = f"sqlite:///{tmp_path}/hub.sqlite"
    inspector = Containers()
    rows = list(
        run_matrix(tmp_path, database, "haproxy", inspector, every=EVERY, offset=OFFSET, actions=ACTIONS)
    )
    reached = [row for row in rows if row.taken and row.fault != NOT_REACHED]
    assert any("containers" in row.step for row in rows), "no request to the engine was seen"
    assert len(rows) >= 20, "fewer steps were found than there are"
    # The steps of an abandoned start depend on the progress of the engine.
    assert len(reached) * EVERY >= len(rows) / 2, "too few steps were reached"
    assert not faults_of(rows), "\n".join(lines_of({Column("sqlite", "haproxy", "docker"): rows}))
