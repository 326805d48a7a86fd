"""The distributions of this repository, and what each file of a release is called."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Distribution:
    """One distribution: the core or a plugin."""

    folder: Path

    @cached_property
    def project(self) -> dict[str, Any]:
        """The table ``project`` of its pyproject.toml."""
        stated: dict[str, Any] = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        return stated

    @property
    def name(self) -> str:
        """Its name on an index."""
        return str(self.project["name"])

    @property
    def version(self) -> str:
        """Its version, which is stated once: in pyproject.toml, or in the core as ``plughub.__version__``."""
        return str(self.project.get("version") or assigned(self.package / "__init__.py", "__version__"))

    @property
    def package(self) -> Path:
        """The folder of its modules."""
        return self.folder / "src" / self.name.replace("-", "_")

    @property
    def stem(self) -> str:
        """The beginning of the names of its wheel and its source distribution."""
        return f"{self.name.replace('-', '_')}-{self.version}"

    @property
    def wheel(self) -> str:
        """The file name of its wheel."""
        return f"{self.stem}-py3-none-any.whl"

    @property
    def sdist(self) -> str:
        """The file name of its source distribution."""
        return f"{self.stem}.tar.gz"

    @property
    def tag(self) -> str:
        """The tag that releases its version."""
        return f"{self.name}-{self.version}"

    def sources(self) -> set[str]:
        """Return the files of its package that git knows, relative to the folder ``src``."""
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."]
        listed = subprocess.run(
            command, cwd=self.folder / "src", capture_output=True, text=True, check=True
        ).stdout
        return {name for name in listed.split("\0") if name and (self.folder / "src" / name).exists()}


def all_distributions() -> list[Distribution]:
    """Return the core and the plugins."""
    plugins = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
    return [Distribution(folder) for folder in (ROOT / "core", *plugins)]


def assigned(module: Path, name: str) -> str:
    """Return the text that a module assigns to a name, without importing it.

    Args:
        module: the file.
        name: of the variable.
    """
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == name for target in node.targets):
            return str(ast.literal_eval(node.value))
    message = f"{module} does not assign {name}"
    raise LookupError(message)
