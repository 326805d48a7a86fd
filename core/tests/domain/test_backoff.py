from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.backoff import Backoff

BACKOFFS = st.builds(
    Backoff, st.floats(0.01, 100), st.floats(0.01, 1000), st.sampled_from([1.1, 1.3, 2.0, 3.0])
)


def test_each_pause_is_twice_as_long_as_the_one_before_up_to_the_limit():
    assert [Backoff(1.0, 10.0).after(failures) for failures in range(6)] == [0, 1, 2, 4, 8, 10]


@given(BACKOFFS, st.integers(0, 10**9) | st.floats(0, 3))
def test_a_pause_never_shrinks_and_never_exceeds_the_limit(backoff, failures):
    assert 0 <= backoff.after(failures) <= backoff.after(failures + 1) <= backoff.longest
