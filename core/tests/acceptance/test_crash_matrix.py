"""A part of the crash matrix: each action on one database with one proxy, killed at every sixth step.

The complete matrix: ``python -m plughub.testing.crash.matrix``.
"""

import pytest

from plughub.testing.crash.actions import ACTIONS
from plughub.testing.crash.matrix import databases
from plughub.testing.crash.run import NOT_REACHED, run_matrix
from plughub.testing.crash.table import Column, faults_of, lines_of

CASES = [
    ("sqlite", "haproxy", 0),
    pytest.param("postgresql", "haproxy", 1, marks=pytest.mark.postgresql),
    pytest.param("sqlite", "chp", 2, marks=pytest.mark.node),
    pytest.param("postgresql", "chp", 3, marks=[pytest.mark.postgresql, pytest.mark.node]),
]
EVERY = 6


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("database", "proxy", "number"), CASES)
def test_a_hub_that_is_killed_at_any_step_loses_nothing(tmp_path, database, proxy, number):
    actions = list(ACTIONS)[number :: len(CASES)]
    with databases([database], tmp_path) as urls:
        if database not in urls:
            pytest.skip("the PostgreSQL server is not installed")
        rows = list(run_matrix(tmp_path, urls[database], proxy, every=EVERY, offset=number, actions=actions))
    assert len(rows) >= 20, "fewer steps were found than there are"
    taken = [row for row in rows if row.taken]
    reached = [row for row in taken if row.fault != NOT_REACHED]
    assert len(reached) >= len(taken) * 3 / 4, "too many steps were not reached"
    assert not faults_of(rows), "\n".join(lines_of({Column(database, proxy, "simple"): rows}))
