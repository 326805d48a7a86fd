"""Every setting has an effect, or is listed as unused and causes a warning."""

from __future__ import annotations

import ast
import logging
import re
import tomllib
from collections import ChainMap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.unread_settings import WITHOUT_CLASS, WITHOUT_EFFECT, warn_of_unused_settings
from plughub.app.upstream_settings import INSTEAD

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder in ("core/src", "plugins")
    for path in (ROOT / folder).rglob("*.py")
    if "tests" not in path.parts
]
ADVICE = {"unread_settings.py", "upstream_settings.py"}
"""Files that name settings only to give advice about them."""
BY_KIND = {"authenticator_class", "proxy_class", "spawner_class"}
"""Read with a name that contains the kind of backend."""


def settings() -> Iterator[tuple[str, str]]:
    """Yield class and name of every trait that is tagged as a setting."""
    for path in SOURCES:
        text = path.read_text()
        # Most modules have none, and need not be parsed.
        tree = ast.parse(text if "config=True" in text else "")
        for cls in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            for statement in cls.body:
                if not isinstance(statement, ast.Assign | ast.AnnAssign):
                    continue
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                if "config=True" in ast.unparse(statement):
                    yield from ((cls.name, target.id) for target in targets if isinstance(target, ast.Name))


def read() -> set[str]:
    """Return the names that are read somewhere: as an attribute that is not assigned, or in quotes."""
    text = "\n".join(path.read_text() for path in SOURCES if path.name not in ADVICE)
    attributes = re.findall(r"\.(\w+)\b(?!\s*=[^=])", text)
    return {*attributes, *re.findall(r"""(?<!observe\()["'](\w+)["']""", text), *BY_KIND}


def test_every_setting_is_read_or_listed_as_unused() -> None:
    found = set(settings())
    assert ("AddressSettings", "port") in found
    known = read()
    said = {name for names in WITHOUT_EFFECT.values() for name in names}
    assert {(cls, name) for cls, name in found if name not in known | said} == set()
    outside = {name for names in WITHOUT_CLASS.values() for name in names}
    assert said - {name for _, name in found} == outside


def test_every_missing_setting_of_jupyterhub_has_advice() -> None:
    theirs = tomllib.loads((ROOT / "docs" / "jupyterhub.toml").read_text())["settings"]["JupyterHub"]
    missing = {name.rstrip("*") for name in theirs} - set(JupyterHub.class_trait_names(config=True))
    said = {name for cls, name in (key.split(".") for key in INSTEAD) if cls == "JupyterHub"}
    assert said == missing


def test_the_pages_name_the_same_settings_as_the_hub() -> None:
    known = tomllib.loads((ROOT / "docs" / "jupyterhub.toml").read_text())["without_effect"]
    assert {cls: sorted(names) for cls, names in known.items()} == {
        cls: sorted(names) for cls, names in WITHOUT_EFFECT.items()
    }


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("Spawner", "consecutive_failure_limit"),
        ("DockerSpawner", "consecutive_failure_limit"),
        ("JupyterHub", "config_file"),
        ("JupyterHub", "confirm_no_ssl"),
        ("JupyterHub", "generate_config"),
        ("ConfigurableHTTPProxy", "command_umask"),
        ("EventLog", "allowed_schemas"),
    ],
)
def test_a_setting_without_effect_causes_a_warning(caplog, section, setting) -> None:
    config = Config({section: {setting: 5, "port": 0}, "Proxy": {"should_start": True}})
    with caplog.at_level(logging.WARNING):
        warn_of_unused_settings(config)
    assert [record.getMessage() for record in caplog.records] == [
        f"settings without effect in plughub, which can be removed: c.{section}.{setting}"
    ]


def test_tornado_settings_without_effect_are_logged(caplog) -> None:
    from plughub.app.web_options import warn_of_unused_tornado_settings

    warn_of_unused_tornado_settings({"cookie_options": {}, "no_cache_static": True})
    assert "tornado_settings: no effect in plughub: no_cache_static" in caplog.text


SHOWN = tomllib.loads((ROOT / "docs" / "settings.toml").read_text())
TESTS = {setting: test for tests in SHOWN.values() for setting, test in tests.items()}


def documented_settings() -> set[str]:
    """Return the settings that docs/settings.md lists."""
    found, section = set(), ""
    for line in (ROOT / "docs" / "settings.md").read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif match := re.match(r"\| `(\w+)` \|", line):
            found.add(f"{section}.{match[1]}")
    return found


def test_every_setting_has_a_version_and_a_test_that_shows_its_effect() -> None:
    assert sum(map(len, SHOWN.values())) == len(TESTS), "docs/settings.toml lists a setting twice"
    unknown, missing = TESTS.keys() - documented_settings(), documented_settings() - TESTS.keys()
    assert not unknown, "docs/settings.toml lists settings that do not exist"
    assert not missing, "add these settings to docs/settings.toml, each with the test that shows its effect"


@cache
def definitions(path: Path) -> dict[str, str]:
    """Return the source of everything that a module defines, by name."""
    tree = ast.parse(path.read_text())
    return {name: ast.unparse(node) for node in tree.body for name in names_of(node)}


def source_of(path: Path, wanted: str) -> str:
    """Return the source of a test, and of what it uses of its module and of conftest.py."""
    folders = path.parents[: len(path.relative_to(ROOT).parts) - 1]
    fixtures = [folder / "conftest.py" for folder in folders if (folder / "conftest.py").exists()]
    named = ChainMap(*(definitions(file) for file in (path, *fixtures)))
    used: dict[str, str] = {}
    todo = [wanted]
    while todo:
        name = todo.pop()
        if name in named and name not in used:
            used[name] = named[name]
            todo += re.findall(r"\w+", named[name])
    return "\n".join(used.values())


def names_of(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module defines; a class also by the names of its methods."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield name
        case ast.ClassDef(name=name, body=body):
            yield name
            yield from (
                part.name for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
            )
        case ast.Assign(targets=targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


@pytest.mark.parametrize("setting", sorted(TESTS))
def test_the_test_of_a_setting_exists_and_names_it(setting) -> None:
    path, *_, name = TESTS[setting].split("::")
    source = source_of(ROOT / path, name)
    assert f"def {name}(" in source, f"docs/settings.toml: {TESTS[setting]} does not exist"
    assert re.search(rf"\b{setting.partition('.')[2]}\b", source), f"{name} does not mention {setting}"
