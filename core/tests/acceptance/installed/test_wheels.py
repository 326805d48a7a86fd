"""Contents of the wheels, which are all that an installation needs."""

import ast
import json
import subprocess
import zipfile

import pytest

ROOMS = ("domain", "kinds", "kit", "plugin", "classes", "services", "storage", "web", "app", "cli", "testing")
PUBLIC_MODULES = ("kinds", "spawner", "auth", "proxy", "handlers", "traitlets", "utils")
PUBLIC = {"plughub", *(f"plughub.{name}" for name in PUBLIC_MODULES)}
PUBLIC_NAMES = {"hookimpl", *PUBLIC_MODULES}


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_of_the_core_has_all_packages_and_data_files(wheels):
    names = names_in(wheels["core"])
    assert {f"plughub/{room}/__init__.py" for room in ROOMS} <= names
    assert "plughub/py.typed" in names
    assert {"plughub/web/templates/page.html", "plughub/web/static/hub.css"} <= names
    assert "plughub/storage/migrations/script.py.mako" in names
    assert {
        "plughub/kit/templates/common/pyproject.toml.in",
        "plughub/kit/templates/page/page.html.in",
    } <= names
    assert any(name.startswith("plughub/storage/migrations/versions/") for name in names)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("localprocess", "plughub_localprocess"),
        ("haproxy", "plughub_haproxy"),
        ("dummy", "plughub_dummy"),
        ("pam", "plughub_pam"),
    ],
)
def test_the_wheel_of_a_plugin_has_its_package_and_its_types(wheels, name, module):
    names = names_in(wheels[name])
    assert {f"{module}/plugin.py", f"{module}/py.typed"} <= names
    assert {part.split("/")[0].split("-")[0] for part in names} == {module}


def test_no_wheel_has_tests_or_leftovers(wheels):
    for wheel in wheels.values():
        for name in names_in(wheel):
            parts = name.split("/")
            assert "tests" not in parts, f"{wheel.name}: {name}"
            assert not parts[-1].startswith(("test_", "conftest")), f"{wheel.name}: {name}"
            assert "__pycache__" not in parts, f"{wheel.name}: {name}"
            assert not name.endswith((".sqlite", ".log", ".pyc")), f"{wheel.name}: {name}"


def test_every_wheel_names_its_licence_its_readme_and_the_required_core(wheels):
    for name, wheel in wheels.items():
        with zipfile.ZipFile(wheel) as archive:
            [path] = [path for path in archive.namelist() if path.endswith(".dist-info/METADATA")]
            metadata = archive.read(path).decode()
        header, _, readme = metadata.partition("\n\n")
        assert "License-Expression: BSD-3-Clause" in header, wheel.name
        assert readme.strip(), wheel.name
        assert name == "core" or "Requires-Dist: plughub<0.2,>=0.1" in header, wheel.name


def test_the_installed_hub_lists_all_plugins_and_comes_from_the_wheel(installed, examples):
    code = "import plughub, sys; print(plughub.__file__.startswith(sys.prefix))"
    assert say(installed, "-c", code).strip() == "True"
    listed = {row["name"] for row in json.loads(say(installed, "-m", "plughub", "plugins", "--json"))}
    assert {"localprocess", "simple", "haproxy", "dummy", "pam"} <= listed
    assert {folder.name for folder in examples} <= listed


def test_examples_import_public_names_only(examples):
    modules = {module for folder in examples for module in folder.rglob("*.py")}
    assert len(modules) >= len(examples) >= 6
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("plughub") for name in node.names), module
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("plughub"):
                assert node.module in PUBLIC, module
                if node.module == "plughub":
                    assert {name.name for name in node.names} <= PUBLIC_NAMES, module


def test_the_spawner_of_plain_functions_has_25_lines_or_fewer(examples):
    [folder] = [folder for folder in examples if folder.name == "tinyspawner"]
    [module] = folder.glob("*.py")
    assert len(module.read_text().splitlines()) <= 25


def say(installed, *arguments):
    return subprocess.run(
        [installed.python, *arguments], check=True, capture_output=True, text=True, cwd="/", timeout=60
    ).stdout
