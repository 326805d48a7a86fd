import itertools

from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.backoff import Backoff

BACKOFFS = st.builds(
    Backoff, st.floats(0.01, 100), st.floats(0.01, 1000), st.sampled_from([1.0, 1.1, 1.3, 2.0, 3.0])
)


def test_each_pause_is_twice_as_long_as_the_one_before_up_to_the_limit():
    assert [Backoff(1.0, 10.0).after(failures) for failures in range(6)] == [0, 1, 2, 4, 8, 10]


@given(BACKOFFS, st.integers(0, 10**9) | st.floats(0, 3))
def test_a_pause_never_shrinks_and_never_exceeds_the_limit(backoff, failures):
    assert 0 <= backoff.after(failures) <= backoff.after(failures + 1) <= backoff.longest


def test_pauses_come_one_after_another_without_end():
    assert list(itertools.islice(Backoff(1.0, 3.0).pauses(), 4)) == [1, 2, 3, 3]


def test_no_first_pause_means_no_pause():
    assert Backoff(0.0, 10.0).after(3) == 0


@given(BACKOFFS, st.floats(0, 1), st.integers(0, 10**9))
def test_jitter_shortens_a_pause_by_its_fraction_at_most(backoff, jitter, failures):
    bound = backoff.after(failures)
    pause = Backoff(backoff.first, backoff.longest, backoff.factor, jitter).after(failures)
    assert (1 - jitter) * bound * 0.999999 <= pause <= bound * 1.000001
