"""Every setting has an effect, or is listed as unused and causes a warning."""

from __future__ import annotations

import ast
import logging
import re
import tomllib
from collections.abc import Iterator
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
        tree = ast.parse(path.read_text())
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


@pytest.mark.parametrize("section", ["Spawner", "DockerSpawner"])
def test_a_setting_without_effect_causes_a_warning(caplog, section) -> None:
    config = Config({section: {"consecutive_failure_limit": 5, "port": 0}, "JupyterHub": {"port": 1}})
    with caplog.at_level(logging.WARNING):
        warn_of_unused_settings(config)
    assert [record.getMessage() for record in caplog.records] == [
        f"settings without effect in plughub, which can be removed: c.{section}.consecutive_failure_limit"
    ]


def test_tornado_settings_without_effect_are_logged(caplog) -> None:
    from plughub.app.web_options import warn_of_unused_tornado_settings

    warn_of_unused_tornado_settings({"cookie_options": {}, "no_cache_static": True})
    assert "tornado_settings: no effect in plughub: no_cache_static" in caplog.text
