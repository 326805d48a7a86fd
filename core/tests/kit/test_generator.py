"""Generated packages are complete, pass lint and strict types, and keep the contract."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import plughub
from plughub.app.config_files import load_config
from plughub.cli.main import main
from plughub.contract import CONTRACT_VERSION
from plughub.domain.errors import StartError
from plughub.kit.generator import KINDS, new_plugin
from plughub.kit.record_uses import problems_in
from plughub.testing.quick import starts

FILES = {
    "pyproject.toml",
    "tox.ini",
    "README.md",
    "LICENSE",
    ".gitignore",
    ".github/workflows/tests.yml",
    "jupyterhub_config.py",
}
NAMES = [
    *(f"my-{kind}" for kind in KINDS),
    *(f"my-{kind}-class" for kind, described in KINDS.items() if described.has_class),
]


def module_of(name: str) -> str:
    return f"plughub_{name.replace('-', '_')}"


@starts
def run(*command: object, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_kind_is_generated(generated):
    assert set(generated) == set(NAMES)
    assert set(KINDS) == {"spawner", "authenticator", "proxy", "veto", "listener", "token-check", "page"}


@pytest.mark.parametrize("name", NAMES)
def test_a_package_is_complete_and_without_placeholders(generated, name):
    folder, module = generated[name], module_of(name)
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    tests = f"tests/test_{module.removeprefix('plughub_')}.py"
    assert files.keys() >= {*FILES, f"src/{module}/__init__.py", f"src/{module}/py.typed", tests}
    texts = {path: file.read_text() for path, file in files.items()}
    assert not [
        path for path, text in texts.items() if "@" in text.replace("@hookimpl", "") and "@PACK" in text
    ]
    project = tomllib.loads(texts["pyproject.toml"])["project"]
    assert (project["name"], project["authors"]) == (f"plughub-{name}", [{"name": 'Ada "Countess" Lovelace'}])
    assert project["entry-points"]["plughub"] == {name: module}
    assert 'Ada "Countess" Lovelace' in texts["LICENSE"]
    assert f'hub_contract: Final = "{CONTRACT_VERSION}"' in texts[f"src/{module}/__init__.py"]
    assert f"hub plugins check {name}" in texts["README.md"]
    assert problems_in(files[f"src/{module}/__init__.py"]) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_for_a_try_is_read(generated, name, monkeypatch):
    monkeypatch.syspath_prepend(str(generated[name] / "src"))
    config = load_config(str(generated[name] / "jupyterhub_config.py"), {})
    assert config.JupyterHub.plugins[0] == name
    assert config.JupyterHub.ip == "127.0.0.1"


def test_packages_pass_lint_and_format(generated):
    pytest.importorskip("ruff", reason="ruff is not installed")
    run("ruff", "check", ".", cwd=generated["my-veto"].parent)
    run("ruff", "format", "--check", ".", cwd=generated["my-veto"].parent)


def test_packages_pass_strict_type_checks(generated):
    pytest.importorskip("mypy", reason="mypy is not installed")
    folder = generated["my-veto"].parent
    sources = [path for name in NAMES for path in (f"{name}/src", f"{name}/tests")]
    path = os.pathsep.join(str(folder / name / "src") for name in NAMES)
    options = ["--strict", "--explicit-package-bases", "--cache-dir", folder / "cache"]
    run("mypy", *options, *sources, cwd=folder, MYPYPATH=path)


def test_packages_pass_their_own_tests(generated):
    folder = generated["my-veto"].parent
    path = os.pathsep.join(str(folder / name / "src") for name in NAMES)
    options = ["-q", "-p", "no:cacheprovider", "-c", "my-veto/pyproject.toml", "--rootdir", "."]
    said = run("pytest", *options, *(f"{name}/tests" for name in NAMES), cwd=folder, PYTHONPATH=path)
    assert " passed" in said
    assert " skipped" not in said


def test_hub_plugins_check_runs_tests_of_every_kind(generated):
    """Tests that start a program are not among them."""
    folder = generated["my-veto"].parent
    path = os.pathsep.join(str(folder / name / "src") for name in NAMES)
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "my-veto/pyproject.toml",
        "--rootdir",
        ".",
        "--collect-only",
    ]
    said = run(
        "pytest", *options, "--quick", *(f"{name}/tests" for name in NAMES), cwd=folder, PYTHONPATH=path
    )
    quick = {line.partition("/")[0] for line in said.splitlines() if "::" in line}
    assert quick == {*NAMES}


# ---- hub plugins new


def test_the_command_writes_the_package_and_says_what_to_do_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "veto", "quota"]) == 0
    said = capsys.readouterr().out
    assert "plughub-quota/src/plughub_quota/__init__.py" in said
    assert "cd plughub-quota && hub" in said
    assert "hub plugins check quota" in said
    assert f"plughub>={plughub.__version__[:3]}" in (tmp_path / "plughub-quota/pyproject.toml").read_text()


@pytest.mark.parametrize(
    "author",
    [
        'Name "Nick"',
        "Name 'Nick' O'Name",
        "back\\slash \\n \\u0041 \\",
        '"""',
        "Łukasz Ñandú 中文 👩\u200d🔬 عربي",
        "@NAME@ @YEAR@ @AUTHOR@",
        "Ada, {Countess} %s $HOME <ada@example.org> # [x] = 1",
        "a" * 200,
    ],
)
def test_an_author_is_kept_as_written(tmp_path, author):
    main(["plugins", "new", "veto", "quota", "--folder", str(tmp_path / "quota"), "--author", author])
    project = tomllib.loads((tmp_path / "quota" / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": author}]
    assert f", {author}\n" in (tmp_path / "quota" / "LICENSE").read_text()


def test_without_an_author_it_belongs_to_its_developers(tmp_path):
    new_plugin("veto", "quota", tmp_path / "quota")
    project = tomllib.loads((tmp_path / "quota" / "pyproject.toml").read_text())["project"]
    assert project["authors"] == [{"name": "the plughub-quota developers"}]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("veto", "Quota"), "is not a name for a plugin"),
        (("veto", "../quota"), "is not a name for a plugin"),
        (("veto", "a" * 31), "is not a name for a plugin"),
        (("veto", "plughub-quota"), "the name of the plugin is 'quota'"),
        (("veto", "onetime"), "is a part of the hub"),
        (("veto", "quota", "--author", ""), "the author is empty"),
        (("veto", "quota", "--author", " \t"), "the author is empty"),
        (("veto", "quota", "--author", "Ada\nLovelace"), "the author contains '\\n'"),
        (("veto", "quota", "--author", "Ada\u2028"), "the author contains '\\u2028'"),
        (("veto", "quota", "--author", "Ada\x1b[1m"), "the author contains '\\x1b'"),
        (("veto", "quota", "--author", "Ada \udcff"), "the author contains '\\udcff'"),
        (("veto", "quota", "--author", "a" * 201), "the author is longer than 200 characters"),
        (("veto", "quota", "--class"), "--class is for: spawner, authenticator, proxy"),
        (("veto", "quota", "--folder", "."), "choose another folder"),
        (("vetoes", "quota"), "invalid choice: 'vetoes'"),
    ],
)
def test_a_wrong_command_writes_nothing(arguments, complaint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["plugins", "new", *arguments])
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]
    assert code == 2
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_an_installed_plugin_is_refused(tmp_path, monkeypatch, capsys):
    about = tmp_path / "site" / "plughub_quota-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plughub-quota\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[plughub]\nquota = plughub_quota\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "veto", "quota"]) == 2
    assert "a plugin 'quota' is installed already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_no_config_file_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jupyterhub_config.py").write_text("raise RuntimeError('read')")
    assert main(["plugins", "new", "veto", "quota"]) == 0


def test_a_package_that_cannot_be_written_completely_leaves_nothing(tmp_path, monkeypatch):
    def write(file, text):
        if file.name == "LICENSE":
            raise OSError(28, "No space left on device")
        file.write_text(text)

    monkeypatch.setattr("plughub.kit.generator._write", write)
    with pytest.raises(StartError, match="cannot be written: No space left on device"):
        new_plugin("veto", "quota", tmp_path / "quota")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written: Not a directory"):
        new_plugin("veto", "quota", tmp_path / "file" / "quota")
