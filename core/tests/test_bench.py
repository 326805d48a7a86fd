"""The benchmark's command: its list, a run of one row, and the comparison with saved results."""

import json
import subprocess
import sys
from pathlib import Path

from plughub.testing.quick import starts

ROOT = Path(__file__).parents[2]


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=200
    )


@starts
def measure(*arguments):
    return bench(*arguments)


def test_the_list_names_parts_and_rows():
    listed = bench("--list")
    assert listed.returncode == 0, listed.stderr
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert {"hub", "token", "proxy", "lines", "upload-http2", "lists", "console"} <= set(names)
    assert len(names) == len(set(names))


def test_an_unknown_row_is_named():
    refused = bench("--only", "token", "tokne")
    assert refused.returncode == 1
    assert "tokne" in refused.stderr


def test_a_row_is_measured_saved_and_compared(tmp_path):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    row = {"title": "any", "unit": "any", "more_is_better": False, "values": {"plughub": [0.0001]}}
    before.write_text(json.dumps({"rows": {"version": row, "of-another-version": row}}))
    run = measure("--only", "version", "--runs", "1", "--save", str(after), "--compare", str(before))
    assert run.returncode == 1, run.stderr
    saved = json.loads(after.read_text())
    assert list(saved["rows"]) == ["version"]
    (measured,) = saved["rows"]["version"]["values"]["plughub"]
    assert 0 < measured < 100
    assert saved["machine"]["cores"]
    assert "version: 0.0001 (0.0001 to 0.0001) became" in run.stdout


CASES = (
    ([10, 12], [13, 14], False, True),
    ([10, 12], [11, 14], False, False),
    ([10, 12], [12.1, 12.1], False, False),
    ([10, 12], [7, 8], False, False),
    ([10, 12], [7, 8], True, True),
    ([10, 12], [13, 14], True, False),
)
"""Values before and now, whether more is better, and whether they are worse."""


def test_worse_is_what_lies_beyond_all_runs_and_a_tenth():
    code = f"""
from bench.results import is_worse
for old, new, more, expected in {CASES}:
    assert is_worse(old, new, more_is_better=more) is expected, (old, new, more)
"""
    checked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
