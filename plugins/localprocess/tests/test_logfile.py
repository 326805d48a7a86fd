import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plughub_localprocess.logfile import BLOCK, LONGEST_LINE, LogFile


@pytest.fixture
def log(tmp_path):
    return LogFile(tmp_path / "logs" / "alice.log", limit=1000)


def write(log, data):
    descriptor = log.open_new()
    os.write(descriptor, data)
    return descriptor


def test_only_the_hub_may_read_the_log(log):
    os.close(write(log, b"x\n"))

    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_a_missing_log_has_no_lines_and_cannot_be_truncated(log):
    log.shrink()

    assert log.tail(10) == []


def test_a_log_that_is_too_long_keeps_its_newer_half(log):
    descriptor = write(log, b"".join(b"line %d\n" % number for number in range(200)))

    log.shrink()
    os.write(descriptor, b"after\n")
    os.close(descriptor)

    assert log.path.stat().st_size <= 510
    assert log.tail(3) == ["line 198", "line 199", "after"]
    assert log.tail(1000)[0].startswith("line ")


def test_a_log_that_is_short_enough_is_not_touched(log):
    os.close(write(log, b"a\nb\n"))

    log.shrink()

    assert log.path.read_bytes() == b"a\nb\n"


def test_a_new_start_empties_the_log(log):
    os.close(write(log, b"old\n"))
    os.close(write(log, b"new\n"))

    assert log.tail(10) == ["new"]


def test_a_link_in_the_place_of_the_log_is_not_followed(log, tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "elsewhere").write_text("precious")
    log.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=r"[Ss]ymbolic"):
        log.open_new()

    assert (tmp_path / "elsewhere").read_text() == "precious"


def test_invalid_utf_8_is_shown_with_replacements(log):
    os.close(write(log, b"caf\xe9 \xff\xfe\nfine \xe2\x9c\x93\n"))

    assert log.tail(2) == ["caf� ��", "fine ✓"]


def test_control_characters_and_overwritten_progress_are_not_shown(log):
    os.close(write(log, b"10%\r50%\r100%\r\n\x1b[31mred\x1b[0m\x00\n"))

    assert log.tail(2) == ["100%", "[31mred[0m"]


def test_a_very_long_line_is_truncated(log):
    os.close(write(log, b"x" * (3 * BLOCK) + b"\nlast"))

    first, last = log.tail(2)

    assert first == "x" * LONGEST_LINE + "…"
    assert last == "last"


def test_only_the_end_of_a_huge_log_is_read(log):
    os.close(write(log, b"head\n"))
    with log.path.open("ab") as file:
        file.truncate(2**33)
        file.seek(0, os.SEEK_END)
        file.write(b"\nend\n")

    assert log.tail(1) == ["end"]
    assert log.tail(10)[-1] == "end"


@given(st.lists(st.text("ab é", max_size=40), max_size=60), st.integers(0, 70))
def test_the_tail_is_the_end_of_what_was_written(tmp_path_factory, lines, count):
    log = LogFile(tmp_path_factory.mktemp("log") / "log", limit=10**6)
    os.close(write(log, "".join(f"{line}\n" for line in lines).encode()))

    while lines and not lines[-1]:
        lines.pop()
    assert log.tail(count) == (lines[-count:] if count else [])


async def test_a_server_that_writes_without_end_does_not_fill_the_disk(simple, tmp_path):
    spawner = simple("--writes=20000", log_limit="4K")
    await spawner.start()
    await spawner.facts()

    await spawner.poll()

    (log,) = (tmp_path / "runtime" / "logs").iterdir()
    assert log.stat().st_size <= 4096
    assert "line 19999" in await spawner.logs()
