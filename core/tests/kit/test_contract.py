"""The contract with plugins changes deliberately, and what is deprecated works for two minor versions."""

from __future__ import annotations

import inspect
import logging
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import MappingProxyType

import pytest
from packaging.version import Version

import plughub
from plughub import hookimpl
from plughub.contract import CONTRACT_VERSION, OLDEST_CONTRACT, contract_problem
from plughub.deprecations import DEPRECATED, Deprecation
from plughub.domain.errors import StartError
from plughub.plugin.manager import ActivePlugins

CORE = Path(__file__).parents[2]


def test_every_public_signature_and_record_is_as_recorded():
    done = subprocess.run(
        [sys.executable, CORE / "contract.py", "--check"], capture_output=True, text=True, cwd=CORE
    )
    assert done.returncode == 0, (
        "the contract changed. If that is intended: raise CONTRACT_VERSION by the rule in plughub.contract, describe "
        f"the change in the changelog, and run core/contract.py\n{done.stdout}{done.stderr}"
    )


def test_the_snapshot_shows_hooks_records_and_base_classes():
    text = (CORE / "contract.txt").read_text()
    assert text.startswith(f"version {CONTRACT_VERSION}\n")
    for line in (
        "async def hub_poll(server: Server) -> int | Moved | Watched | None\n    own, 30 s\n",
        "class Refusal(object)\n    reason: str\n    status: int = 403\n",
        "    mem_limit: ByteSpecification (setting)\n",
        "    async def add_user(self, user: Any, server_name: str = '', client: Any = None) -> None\n",
        "\ndef launch(command: Sequence[str], *, log: Path,",
    ):
        assert line in text


def test_the_snapshot_has_the_kit_that_the_pages_and_the_generated_tests_name():
    recorded = {
        *re.findall(r"^# plughub\.testing\.(\S+)$", (CORE / "contract.txt").read_text(), re.MULTILINE)
    }
    files = [CORE.parent / "docs" / "plugins.md", *(CORE / "src/plughub/kit/templates").rglob("*.in")]
    named = {
        name for file in files for name in re.findall(r"plughub\.testing\.([a-z_.]*[a-z])", file.read_text())
    }
    programs = {"tiny_server"}
    assert {name for name in named if not name.endswith(".starts")} - programs <= recorded
    assert "fixture make_plugin -> Make" in (CORE / "contract.txt").read_text()


@pytest.mark.parametrize(
    ("stated", "fits"),
    [(None, True), (CONTRACT_VERSION, True), (OLDEST_CONTRACT, True), ("0.1", False), ("1.10000", False)]
    + [(wrong, False) for wrong in ("99.0", "1", "1.x", "", "1.0\n", 1.0, (1, 0))],
)
def test_a_plugin_fits_or_is_told_what_to_upgrade(stated, fits):
    assert bool(contract_problem(stated)) != fits


def test_the_hub_refuses_a_plugin_for_a_newer_contract_before_any_hook():
    class Plugin:
        hub_contract = "99.0"

        @hookimpl
        def hub_configure(self, context):
            raise AssertionError("called")

    with pytest.raises(
        StartError, match=r"plugin 'new' violates the contract: it is written for version 99\.0"
    ) as caught:
        ActivePlugins().add("new", Plugin())
    assert str(caught.value).endswith(f" ({__file__}:{inspect.getsourcelines(Plugin)[1]})")


@pytest.mark.parametrize("name", DEPRECATED)
def test_nothing_deprecated_is_overdue(name):
    assert Version(plughub.__version__) < Version(DEPRECATED[name].removed_in)


@pytest.mark.parametrize(
    ("used", "warned"), [("hub_event", True), ("hub_event(event)", True), ("hub_poll", False)]
)
def test_a_plugin_that_uses_what_is_deprecated_is_named_in_the_log(used, warned, monkeypatch, caplog):
    table = {used: Deprecation(used, "hub_news", "0.1")}
    monkeypatch.setattr("plughub.plugin.manager.DEPRECATED", MappingProxyType(table))

    class Plugin:
        @hookimpl
        def hub_event(self, event): ...

    with caplog.at_level(logging.WARNING):
        ActivePlugins().add("old", Plugin())
    expected = f"plugin 'old' uses {used}, which is deprecated since plughub 0.1 and will be removed in 0.3: use hub_news"
    expected += f" ({__file__}:{Plugin.hub_event.__code__.co_firstlineno})"
    assert caplog.messages == [expected] * warned


def test_our_own_plugins_state_their_contract():
    stated = {}
    for file in CORE.parent.glob("plugins/*/pyproject.toml"):
        for name, module in tomllib.loads(file.read_text())["project"]["entry-points"]["plughub"].items():
            source = (file.parent / "src" / module.replace(".", "/")).with_suffix(".py")
            stated[name] = f'hub_contract = "{CONTRACT_VERSION}"' in source.read_text()
    assert len(stated) > 5
    assert [name for name, states in stated.items() if not states] == []
