"""Every plugin of the repository is in the import contracts, and in the settings of the other tools."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
PLUGINS = {file.parent.name for file in ROOT.glob("plugins/*/pyproject.toml")}
PACKAGES = {f"plughub_{name}" for name in PLUGINS}
CONTRACTS = {contract["name"]: contract for contract in TOOLS["importlinter"]["contracts"]}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("the core never imports a plugin", "forbidden_modules"),
        ("plugins never import each other", "modules"),
        ("plugins import public names only", "source_modules"),
        ("nothing works through the ORM, which knows no rules", "source_modules"),
    ],
)
def test_an_import_contract_holds_for_every_plugin(name, key):
    assert {*CONTRACTS[name][key]} >= PACKAGES


def test_imports_types_and_coverage_look_at_every_plugin():
    assert {*TOOLS["importlinter"]["root_packages"]} == {"plughub", *PACKAGES}
    assert {*TOOLS["coverage"]["run"]["source_pkgs"]} == {"plughub", *PACKAGES}
    assert {*TOOLS["mypy"]["mypy_path"]} >= {f"plugins/{name}/src" for name in PLUGINS}


def test_plugins_may_not_import_a_part_of_the_core_that_is_not_public():
    """A new package inside the core is private until a plugin needs it."""
    layers = next(
        contract
        for contract in TOOLS["importlinter"]["contracts"]
        if contract["name"] == "one direction inside the core"
    )["layers"]
    private = {part.strip() for layer in layers for part in layer.split("|")} - {"plughub.kinds"}
    assert {*CONTRACTS["plugins import public names only"]["forbidden_modules"]} == private
