"""Log lines as they are shown, and where successive readings of a log overlap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub.domain.log_text import LONGEST_LINE, shown_line, within
from plughub.domain.overlaps import overlap

FEW_LINES = st.lists(st.sampled_from("ab"), max_size=8)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain\tÄ text", "plain\tÄ text"),
        ("\x1b[1;32m[I 10:00]\x1b[0m ready", "[I 10:00] ready"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r50%\r100%\r", "100%"),
        ("a\x00b\x08c\u202ed", "abcd"),
        ("http://127.0.0.1/?token=abcdef0123456789", "http://127.0.0.1/?token=[secret]"),
        ("JUPYTERHUB_API_TOKEN=abcdef0123456789", "JUPYTERHUB_API_TOKEN=[secret]"),
        ("\x1b[31mAPI_TO\x1b[0mKEN=abcdef0123456789", "API_TOKEN=[secret]"),
    ],
)
def test_a_line_is_shown_without_colours_secrets_and_control_characters(line, shown):
    assert shown_line(line) == shown


def test_a_long_line_is_cut():
    assert shown_line("x" * 100_000) == "x" * LONGEST_LINE + "…"


def test_the_last_lines_within_a_size_are_kept():
    assert within(["aaaa", "bb", "c"], 5) == ("bb", "c")
    assert within(["aaaa"], 3) == ()


@given(seen=FEW_LINES, now=FEW_LINES)
def test_an_overlap_is_the_longest_beginning_that_is_an_end(seen, now):
    found = [length for length in range(len(now) + 1) if seen[len(seen) - length :] == now[:length]]

    assert overlap(seen, now) == max(length for length in found if length <= len(seen))
