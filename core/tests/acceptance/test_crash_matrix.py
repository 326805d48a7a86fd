"""The crash matrix in a bounded form: a fifth of the steps on each database with each proxy.

The whole of it: ``python -m plughub.testing.crash.matrix``.
"""

import pytest

from plughub.testing.crash.matrix import NOT_REACHED, databases, run_matrix

CASES = [
    ("sqlite", "haproxy", 0),
    pytest.param("postgresql", "haproxy", 1, marks=pytest.mark.postgresql),
    pytest.param("sqlite", "chp", 2, marks=pytest.mark.node),
    pytest.param("postgresql", "chp", 3, marks=[pytest.mark.postgresql, pytest.mark.node]),
]
EVERY = 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("database", "proxy", "offset"), CASES)
def test_a_hub_that_is_killed_at_any_step_loses_nothing(tmp_path, database, proxy, offset):
    with databases([database], tmp_path) as urls:
        if database not in urls:
            pytest.skip("the PostgreSQL server is not installed")
        rows = list(run_matrix(tmp_path, urls[database], proxy, every=EVERY, offset=offset))
    assert len(rows) * EVERY > 40, "fewer steps were found than there are"
    reached = [row for row in rows if row.fault != NOT_REACHED]
    assert len(reached) >= len(rows) * 3 / 4, "too many steps were not reached"
    assert [f"{row.deed}, {row.step}: {row.fault}" for row in reached if row.fault] == []
