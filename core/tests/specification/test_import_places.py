"""Classes of plugins under the names of the specification, such as `plughub.spawner.LocalProcessSpawner`."""

from __future__ import annotations

import importlib
import subprocess
import sys
from importlib import metadata

import pytest

from plughub.domain.errors import StartError
from plughub.plugin.loader import find_plugin, installed_plugins
from plughub.plugin.plugin_classes import PLUGIN_CLASSES, plugin_that_registers

PLACES = [
    (module, name, plugin)
    for module, (_, plugins) in PLUGIN_CLASSES.items()
    for name, plugin in plugins.items()
]


@pytest.mark.parametrize(("module", "name", "plugin"), PLACES)
def test_a_class_of_an_installed_plugin_is_found(module, name, plugin):
    cls = getattr(importlib.import_module(module), name)
    assert cls.__name__ == name
    assert plugin_that_registers(PLUGIN_CLASSES[module][0], cls, installed_plugins().values()) == plugin


@pytest.mark.parametrize(("module", "name", "plugin"), PLACES)
def test_without_the_plugin_the_error_says_what_to_install(monkeypatch, module, name, plugin):
    distribution = installed_plugins()[plugin].distribution
    monkeypatch.setattr(metadata, "entry_points", lambda **_: ())
    with pytest.raises(ImportError) as caught:
        getattr(importlib.import_module(module), name)
    assert str(caught.value) == (
        f"{module}.{name} is part of the plugin {plugin!r}, which is not installed: "
        f"pip install {distribution}"
    )
    with pytest.raises(StartError) as refused:
        find_plugin(plugin, {})
    assert refused.value.hint.startswith(f"pip install {distribution};")


@pytest.mark.parametrize("module", PLUGIN_CLASSES)
def test_a_misspelt_name_is_unknown_and_a_star_import_loads_no_plugin(module):
    assert not hasattr(importlib.import_module(module), "Spwaner")
    source = (
        f"import sys\nfrom {module} import *\nprint([m for m in sys.modules if m.startswith('plughub_')])"
    )
    assert subprocess.run([sys.executable, "-c", source], capture_output=True, text=True).stdout == "[]\n"


def test_a_class_that_no_plugin_registers_belongs_to_none():
    from plughub.spawner import SimpleLocalProcessSpawner  # type: ignore[attr-defined]

    subclass = type("Heir", (SimpleLocalProcessSpawner,), {"__module__": "plughub_localprocess.heir"})
    assert plugin_that_registers("spawner", subclass, installed_plugins().values()) == ""
