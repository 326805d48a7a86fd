"""``hub plugins`` lists what the hub would refuse, with the reason, without importing it."""

from __future__ import annotations

import json
import sys

import pytest

from plughub.cli.main import main
from plughub.plugin.loader import installed_plugins
from plughub.plugin.manager import problems_of

HOOK = "\n@hookimpl\ndef hub_event(event): ...\n"
HEAD = "from plughub import hookimpl\n"
CLASS = "\nclass Plugin:\n    {}\n    @hookimpl\n    def hub_event(self, event): ...\nplugin = Plugin()\n"


@pytest.fixture
def listed(tmp_path, monkeypatch, capsys):
    """Install a plugin and return how it is listed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    about = tmp_path / "plughub_listed-1.0.dist-info"
    about.mkdir()

    def listed(source, entry="plughub_listed"):
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plughub-listed\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[plughub]\nlisted = {entry}\n")
        (tmp_path / "plughub_listed.py").write_text(source)
        assert main(["plugins", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)
        assert "plughub_listed" not in sys.modules
        return next(row for row in rows if row["name"] == "listed")

    yield listed
    sys.modules.pop("plughub_listed", None)


def what_the_hub_says():
    return [problem.text for problem in problems_of(installed_plugins()["listed"].load())]


@pytest.mark.parametrize(
    "stated",
    [
        "hub_contract = 1.0",
        "hub_contract: float = 1.0",
        "other = hub_contract = 1.0",
        "hub_contract = 1",
        'hub_contract = ""',
        'hub_contract = "one"',
        'hub_contract = b"1.0"',
        "hub_contract = (1, 0)",
        "hub_contract = -1.0",
        "hub_contract = False",
        'hub_contract = "1.0"\nhub_contract = "99.0"',
        'if True:\n    hub_contract = "99.0"',
        'try:\n    import json\nexcept ImportError:\n    pass\nelse:\n    hub_contract = "99.0"',
    ],
)
def test_a_plugin_that_states_no_valid_contract_is_listed_as_refused(listed, stated):
    row = listed(f"{HEAD}{stated}\n{HOOK}")
    assert [row["status"]] == what_the_hub_says()


@pytest.mark.parametrize("stated", ["hub_contract = 1.0", 'hub_contract = "99.0"'])
def test_an_object_with_an_invalid_contract_is_listed_as_refused(listed, stated):
    row = listed(HEAD + CLASS.format(stated), "plughub_listed:plugin")
    assert [row["status"]] == what_the_hub_says()


@pytest.mark.parametrize(
    ("source", "entry", "contract"),
    [
        (f'hub_contract = "1.0"{HOOK}', "plughub_listed", "1.0"),
        (f'hub_contract: str = "1.0"{HOOK}', "plughub_listed", "1.0"),
        (f"hub_contract = None{HOOK}", "plughub_listed", ""),
        (f'hub_contract = "1." + "0"{HOOK}', "plughub_listed", ""),
        (f"hub_contract: str{HOOK}", "plughub_listed", ""),
        (f'class Other:\n    hub_contract = "99.0"{HOOK}', "plughub_listed", ""),
        (f'def other():\n    hub_contract = "99.0"{HOOK}', "plughub_listed", ""),
        (CLASS.format('hub_contract = "1.0"'), "plughub_listed:plugin", "1.0"),
        (f'hub_contract = "99.0"\n{CLASS.format("")}', "plughub_listed:plugin", ""),
    ],
)
def test_a_plugin_that_the_hub_accepts_is_listed_as_installed(listed, source, entry, contract):
    row = listed(HEAD + source, entry)
    assert (row["status"], row["contract"]) == ("installed", contract)
    assert what_the_hub_says() == []


def test_a_plugin_that_cannot_be_parsed_is_listed_with_file_and_line(listed, tmp_path):
    assert listed("a = 1\ndef (")["status"] == f"broken: {tmp_path / 'plughub_listed.py'}:2: invalid syntax"
