import os
import subprocess
import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest

from plughub.testing.quick import starts

ROOT = Path(__file__).resolve().parents[4]
PLUGINS = [ROOT / "plugins" / name for name in ("localprocess", "haproxy", "dummy", "pam")]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/pyproject.toml"))
SINGLEUSER = """\
#!{python}
import runpy
runpy.run_module("plughub.testing.tiny_server", run_name="__main__")
"""


@pytest.fixture(scope="session")
def examples() -> list[Path]:
    """The folders of the examples."""
    return EXAMPLES


@pytest.fixture(scope="session")
@starts
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Wheels of the core, our plugins and all examples, by the folder from which they were built."""
    pytest.importorskip("hatchling", reason="hatchling, which builds the wheels, is not installed")
    folder = tmp_path_factory.mktemp("wheels")
    sources = [ROOT / "core", *PLUGINS, *EXAMPLES]
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, *sources)
    built = {path.name.split("-")[0].split("_")[-1]: path for path in folder.glob("*.whl")}
    return {"core": built.pop("plughub"), **built}


@pytest.fixture(scope="session")
def installed(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A fresh virtual environment with these wheels, a single-user command and nothing from this work
    tree.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=True, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", *wheels.values())
    commands = folder / "commands"
    commands.mkdir()
    singleuser = commands / "jupyterhub-singleuser"
    singleuser.write_text(SINGLEUSER.format(python=python))
    singleuser.chmod(0o755)
    path = os.pathsep.join([str(commands), str(python.parent), os.environ["PATH"]])
    return SimpleNamespace(
        python=str(python), singleuser=str(singleuser), env={"PATH": path, "PYTHONPATH": ""}
    )


def run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=300, cwd="/"
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
