"""Every distribution can be published: metadata, licence, README; and what dev.py installs for each command."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PYTHONS = ("3.11", "3.12", "3.13")
ADDRESSES = ("Homepage", "Documentation", "Source", "Changelog", "Issues")

every = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


@every
def test_a_distribution_says_who_made_it_what_it_is_and_where_it_lives(folder: Path) -> None:
    stated = project(folder)
    assert stated["authors"] == project(ROOT / "core")["authors"]
    assert stated["license"] == "BSD-3-Clause"
    assert stated["license-files"] == ["LICENSE"]
    assert tuple(stated["urls"]) == ADDRESSES
    assert f"/{folder.relative_to(ROOT)}/" in stated["urls"]["Changelog"]
    assert "plughub" in stated["keywords"] or stated["name"] == "plughub"
    assert stated["keywords"] == sorted(stated["keywords"])
    versions = [word.removeprefix("Programming Language :: Python :: ") for word in stated["classifiers"]]
    assert [version for version in versions if version in PYTHONS] == list(PYTHONS)


@every
def test_a_distribution_carries_the_licence_and_is_typed(folder: Path) -> None:
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert list(folder.glob("src/*/py.typed")), "type checkers ignore a package without py.typed"


@every
def test_the_readme_reads_well_away_from_the_clone(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert text.startswith(f"# {project(folder)['name']}\n")
    assert "pip install" in text, "the reader of the index wants to install it"
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_the_plugins_are_members_of_the_workspace() -> None:
    sources = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["sources"]
    assert sources == {project(folder)["name"]: {"workspace": True} for folder in FOLDERS}


def test_dev_py_installs_what_a_command_needs_and_nothing_twice() -> None:
    dev = runpy.run_path(str(ROOT / "dev.py"))
    assert dev["requirements"]("hub") == []
    test, everything = (set(dev["requirements"](name)) for name in ("test", "dev"))
    assert test < everything
    assert any(word.startswith("pytest>") for word in test)
    assert any(word.startswith("ruff") for word in everything)
    for_hub, for_tests = dev["editable"]("hub"), dev["editable"]("test")
    assert len(for_hub) == len(for_tests) == 2 * len(FOLDERS)
    assert not any("testing" in word for word in for_hub)
    assert f"{ROOT / 'plugins' / 'jupyterhub'}[testing]" in for_tests


@pytest.mark.parametrize(
    ("there", "needed"), [("dev", "hub"), ("dev", "test"), ("test", "hub"), ("docs", "hub")]
)
def test_dev_py_installs_nothing_that_an_earlier_command_installed(
    there: str, needed: str, tmp_path: Path
) -> None:
    dev = runpy.run_path(str(ROOT / "dev.py"))
    install = dev["install"]
    (tmp_path / f"installed-{there}").write_text(dev["fingerprint"]())
    missing = f"{tmp_path}/nothing"
    install.__globals__.update(VENV=tmp_path, BIN=Path(missing), run=lambda *_, **__: pytest.fail("installs"))
    install(needed)
