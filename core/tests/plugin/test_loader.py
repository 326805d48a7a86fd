from __future__ import annotations

import sys

import pytest

import plughub
from plughub.domain.errors import StartError
from plughub.plugin.loader import find_plugin, installed_plugins

SPAWNER = """
from plughub import hookimpl

@hookimpl
async def hub_poll(server):
    return None
"""


def test_an_installed_plugin_is_listed_without_being_imported(install) -> None:
    module = install("quiet", "raise AssertionError('imported')", version="2.5", requires="plughub>=0.1,<0.2")
    plugin = installed_plugins()["quiet"]
    assert (plugin.distribution, plugin.version, plugin.module) == ("plughub-quiet", "2.5", module)
    assert plugin.requires == "<0.2,>=0.1"
    assert module not in sys.modules


def test_a_plugin_that_is_loaded_is_its_module(install) -> None:
    module = install("good", SPAWNER)
    assert installed_plugins()["good"].load() is sys.modules[module]


def test_a_plugin_is_found_by_its_name_and_by_its_distribution(install) -> None:
    install("good", SPAWNER, distribution="Acme_Good.Plugin")
    installed = installed_plugins()
    for typed in ("good", "acme-good-plugin", "Acme_Good.Plugin"):
        assert find_plugin(typed, installed).name == "good"


def test_a_missing_plugin_is_refused_with_what_to_install() -> None:
    with pytest.raises(StartError) as caught:
        find_plugin("slurm", {})
    assert str(caught.value) == "plugin 'slurm' is not installed"
    assert caught.value.hint == "pip install plughub-slurm; installed: none"
    assert caught.value.exit_code == 2


def test_the_name_of_a_distribution_is_not_prefixed_twice() -> None:
    with pytest.raises(StartError) as caught:
        find_plugin("plughub-slurm", {})
    assert "pip install plughub-slurm;" in caught.value.hint


def test_a_misspelled_plugin_gets_a_suggestion(install) -> None:
    install("docker")
    with pytest.raises(StartError) as caught:
        find_plugin("dokcer", {"docker": installed_plugins()["docker"]})
    assert caught.value.hint == "did you mean 'docker'? installed: docker"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("raise ImportError('boom')", "ImportError: boom"),
        ("def (", "SyntaxError: "),
        ("import sys; sys.exit('no licence')", "SystemExit: no licence"),
        ("raise BaseException('no licence')", "BaseException: no licence"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution_version_and_cause(install, source, reason) -> None:
    module = install("broken", source, version="3.1")
    with pytest.raises(StartError) as caught:
        installed_plugins()["broken"].load()
    message = f"plugin 'broken' (plughub-broken 3.1) is broken: importing {module} failed with {reason}"
    assert str(caught.value).startswith(message)
    assert caught.value.exit_code == 2
    assert caught.value.hint.startswith("pip install --force-reinstall plughub-broken")
    assert caught.value.__cause__ is not None


EDITABLE = '{"url": "file:///home/ada/my%20plugin", "dir_info": {"editable": true}}'
LOCAL = '{"url": "file:///home/ada/plugin", "dir_info": {}}'
PROJECT = (
    "/home/ada/my plugin/pyproject.toml: pip install -e '/home/ada/my plugin'; or leave it out of --plugins"
)
CORRECT = "correct FILE, or leave it out of --plugins"


@pytest.mark.parametrize(
    ("source", "problem", "line", "hint"),
    [
        ("a = 1\ndef (", "SyntaxError: invalid syntax", ":2", CORRECT),
        ("if 1:\nx", "IndentationError: expected an indented block", ":2", CORRECT),
        ("a = '\xff'", "SyntaxError: (unicode error)", ":1", CORRECT),
        ("a\0b", "SyntaxError: source code string cannot contain null bytes", "", CORRECT),
        ("\nraise RuntimeError('boom')", "RuntimeError: boom", ":2", CORRECT),
        ("import json\njson.loads('[')", "JSONDecodeError: ", ":2", CORRECT),
        ("import sys\n\nsys.exit('no licence')", "SystemExit: no licence", ":3", CORRECT),
        ("from json import nothing", "ImportError: cannot import name 'nothing'", ":1", CORRECT),
        (
            "\nimport no_such_library",
            "ModuleNotFoundError: No module named 'no_such_library'",
            ":2",
            f"add what provides 'no_such_library' to the dependencies in {PROJECT}",
        ),
    ],
)
def test_an_editable_plugin_that_is_broken_is_named_with_file_and_line(
    install, tmp_path, source, problem, line, hint
) -> None:
    file = f"{tmp_path / install('mine', source, origin=EDITABLE)}.py{line}"
    with pytest.raises(StartError) as caught:
        installed_plugins()["mine"].load()
    assert f"failed with {problem}" in str(caught.value)
    assert str(caught.value).endswith(f" ({file})")
    assert caught.value.hint == hint.replace("FILE", file)


def test_a_broken_plugin_that_was_installed_from_a_folder_is_corrected_there(install, tmp_path) -> None:
    file = f"{tmp_path / install('mine', 'def (', origin=LOCAL)}.py:1"
    with pytest.raises(StartError) as caught:
        installed_plugins()["mine"].load()
    assert str(caught.value).endswith(f" ({file})")
    assert caught.value.hint == (
        "correct it in /home/ada/plugin: pip install --force-reinstall /home/ada/plugin; or leave it out of --plugins"
    )


@pytest.mark.parametrize("origin", ["[]", "{", "{}", '{"url": "https://x/y.whl", "archive_info": {}}'])
def test_a_broken_plugin_that_was_installed_from_elsewhere_is_installed_again(install, origin) -> None:
    install("mine", "def (", origin=origin)
    with pytest.raises(StartError) as caught:
        installed_plugins()["mine"].load()
    assert caught.value.hint == "pip install --force-reinstall plughub-mine, or leave it out of --plugins"


def test_an_entry_point_to_nothing_is_corrected_in_the_project(install, tmp_path) -> None:
    module = install("mine", SPAWNER, origin=EDITABLE)
    (tmp_path / f"{module}.py").unlink()
    with pytest.raises(StartError) as caught:
        installed_plugins()["mine"].load()
    assert caught.value.hint == f"correct the entry point in {PROJECT}"


@pytest.mark.parametrize("requires", ["plughub>=7,<8", "plughub<0.1", "plughub>=7; python_version>='3.8'"])
def test_a_plugin_for_another_core_is_refused_before_it_is_imported(install, requires) -> None:
    module = install("old", "raise AssertionError('imported')", requires=requires)
    with pytest.raises(
        StartError, match=f"does not fit: it needs plughub .*, this is plughub {plughub.__version__}"
    ):
        installed_plugins()["old"].load()
    assert module not in sys.modules


@pytest.mark.parametrize(
    "requires", ["plughub", "plughub>=0.1,<0.2", "plughub>=7; extra == 'new'", "no requirement !", "other>=9"]
)
def test_a_plugin_for_this_core_is_accepted(install, requires) -> None:
    install("fits", SPAWNER, requires=requires)
    assert installed_plugins()["fits"].load()


def test_one_name_from_two_distributions_is_refused_with_both(install) -> None:
    install("twice", SPAWNER, distribution="acme-twice", version="1.0")
    install("twice", SPAWNER, distribution="other-twice", version="2.0")
    with pytest.raises(StartError) as caught:
        installed_plugins()
    assert "plugin name 'twice' is offered by " in str(caught.value)
    assert "acme-twice 1.0" in str(caught.value)
    assert "other-twice 2.0" in str(caught.value)


def test_an_incompletely_removed_package_is_ignored(install) -> None:
    install("ghost", metadata=False)
    install("good", SPAWNER)
    installed = installed_plugins()
    assert installed["good"].load()
    assert (installed["ghost"].distribution, installed["ghost"].version) == ("unknown", "unknown")
