"""Every distribution can be published: metadata, licence, README; and what dev.py installs for each command."""

from __future__ import annotations

import importlib
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
PYTHONS = ("3.11", "3.12", "3.13")
DUMMY = ROOT / "plugins" / "dummy"
ADDRESSES = ("Homepage", "Documentation", "Source", "Changelog", "Issues")

every = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def project(folder: Path) -> dict[str, Any]:
    stated: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return stated


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
def test_fragments_of_a_changelog_have_a_type_and_a_sentence(folder: Path) -> None:
    types = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
    known = {entry["directory"] for entry in types}
    files = list(folder.glob("changelog.d/*"))
    assert [path.name for path in files if path.suffixes[:1] not in [[f".{name}"] for name in known]] == []
    assert [path.name for path in files if not path.read_text().endswith(".\n")] == []
    assert (folder / "CHANGELOG.md").read_text().count("<!-- releases -->\n") == 1


@every
def test_the_readme_reads_well_away_from_the_clone(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert text.startswith(f"# {project(folder)['name']}\n")
    assert "pip install" in text, "the reader of the index wants to install it"
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the source distribution of one plugin."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    release("archives").build(release("distributions").Distribution(DUMMY), folder)
    return folder


def release(module: str) -> Any:
    """Return a module of the folder ``release``, whose files are commands."""
    if str(ROOT / "release") not in sys.path:
        sys.path.append(str(ROOT / "release"))
    return importlib.import_module(module)


def without(archive: Path, unwanted: str, target: Path) -> None:
    """Copy a wheel without one of its files."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target / archive.name, "w") as new:
        for item in old.infolist():
            if not item.filename.endswith(unwanted):
                new.writestr(item, old.read(item))


def test_a_plugin_is_built_with_all_its_files_and_the_licence(built: Path) -> None:
    dummy = release("distributions").Distribution(DUMMY)
    assert list(release("contents").problems(dummy, built)) == []
    with tarfile.open(built / dummy.sdist) as sdist:
        assert f"{dummy.stem}/CHANGELOG.md" in sdist.getnames()


@pytest.mark.parametrize("unwanted", ["py.typed", "plugin.py", "licenses/LICENSE"])
def test_a_wheel_without_a_file_is_refused(unwanted: str, built: Path, tmp_path: Path) -> None:
    dummy = release("distributions").Distribution(DUMMY)
    shutil.copy(built / dummy.sdist, tmp_path)
    without(built / dummy.wheel, unwanted, tmp_path)
    (problem,) = release("contents").problems(dummy, tmp_path)
    assert dummy.wheel in problem
    assert ("licence" if "LICENSE" in unwanted else unwanted) in problem


def test_a_readme_with_a_link_into_the_clone_is_refused(tmp_path: Path) -> None:
    contents = release("contents")
    dummy = release("distributions").Distribution(DUMMY)
    metadata = contents.Parser().parsestr(f"Version: {dummy.version}\n\n[docs](../../docs/docker.md)\n")
    found = "\n".join(contents.in_metadata(dummy, metadata))
    assert "../../docs/docker.md" in found
    assert all(f"lacks {field}" in found for field in contents.FIELDS)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one plugin, as far as a release needs it."""
    (tmp_path / "core").mkdir()
    for name in ("release", "plugins/dummy"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "changelog.d")
        )
    shutil.copy(ROOT / "core" / "pyproject.toml", tmp_path / "core")
    shutil.copytree(ROOT / "core/src/plughub", tmp_path / "core/src/plughub", ignore=lambda _, names: names)
    shutil.copy(ROOT / "core/src/plughub/__init__.py", tmp_path / "core/src/plughub")
    shutil.copy(ROOT / "core/CHANGELOG.md", tmp_path / "core")
    settings = ("user.name=tests", "user.email=tests@example.org")
    options = [word for setting in settings for word in ("-c", setting)]
    for command in (["init", "-q"], ["add", "."], [*options, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def readiness(repository: Path, tag: str) -> subprocess.CompletedProcess[str]:
    subprocess.run(["git", "tag", tag], cwd=repository, check=True)
    return subprocess.run(
        [sys.executable, "release/tags.py"], cwd=repository, capture_output=True, text=True, check=False
    )


def test_a_tag_with_another_version_releases_nothing(repository: Path) -> None:
    done = readiness(repository, "plughub-dummy-9.9.9")
    assert done.returncode == 1
    assert "the tag plughub-dummy-9.9.9 says 9.9.9, dummy/ says" in done.stdout


def test_a_release_needs_a_changelog_and_addresses(repository: Path) -> None:
    dummy = repository / "plugins" / "dummy"
    (dummy / "changelog.d").mkdir()
    (dummy / "changelog.d" / "password.added.md").write_text("A password.\n")
    version = project(dummy)["version"]
    done = readiness(repository, f"plughub-dummy-{version}")
    assert done.returncode == 1
    assert "changes that are not in its changelog: password.added.md" in done.stdout
    assert f"has no section {version}" in done.stdout
    assert "placeholders" in done.stdout

    shutil.rmtree(dummy / "changelog.d")
    (dummy / "CHANGELOG.md").write_text(f"# Changes\n\n## {version} (2027-01-01)\n")
    config = dummy / "pyproject.toml"
    config.write_text(config.read_text().replace("example.org", "example.net"))
    done = readiness(repository, "another-tag")
    assert "changes that are not committed" in done.stdout
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "Prepare"],
        cwd=repository,
        check=True,
    )
    subprocess.run(["git", "tag", "-f", f"plughub-dummy-{version}"], cwd=repository, check=True)
    done = readiness(repository, "a-third-tag")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"/dist/plughub_dummy-{version}.tar.gz {repository}/dist/plughub_dummy-{version}-py3" in done.stdout
    )


@pytest.mark.parametrize("name", [folder.name for folder in FOLDERS if folder.name != "core"])
def test_the_oldest_core_of_a_plugin_is_known(name: str) -> None:
    version = release("oldest").oldest(
        release("distributions").Distribution(ROOT / "plugins" / name), "plughub"
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


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
