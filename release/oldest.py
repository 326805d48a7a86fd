"""Install a plugin with the oldest core that it allows: ``python release/oldest.py oldest-pam``.

Its requirement of ``plughub`` names the oldest version. While that is the version of this clone, the core of
the clone is installed, afterwards the one that its tag names.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from distributions import ROOT, Distribution
from packaging.requirements import Requirement
from packaging.version import Version


def main(arguments: list[str]) -> int:
    """Install the plugin that the last word of the first argument names.

    Args:
        arguments: of the command line.

    Returns:
        The exit code.
    """
    plugin = Distribution(ROOT / "plugins" / arguments[0].rpartition("-")[2])
    core = Distribution(ROOT / "core")
    version = oldest(plugin, core.name)
    print(f"{plugin.name} {plugin.version} with {core.name} {version}", flush=True)
    if version == core.version:
        return install(f"{core.folder}[testing]", "--editable", str(plugin.folder))
    with tempfile.TemporaryDirectory(prefix="plughub-oldest-") as folder:
        archive = Path(folder) / "core.tar"
        tag = f"{core.name}-{version}"
        subprocess.run(["git", "archive", "--output", str(archive), tag, "core"], cwd=ROOT, check=True)
        shutil.unpack_archive(archive, folder)
        return install(f"{folder}/core[testing]", "--editable", str(plugin.folder))


def oldest(plugin: Distribution, core: str) -> str:
    """Return the oldest version of the core that a plugin allows.

    Args:
        plugin: which one.
        core: name of the core's distribution.

    Returns:
        The version, with three numbers, as in tags.
    """
    wanted = next(each for each in map(Requirement, plugin.project["dependencies"]) if each.name == core)
    lowest = min(Version(rule.version) for rule in wanted.specifier if rule.operator == ">=")
    return f"{lowest.major}.{lowest.minor}.{lowest.micro}"


def install(*words: str) -> int:
    """Install with uv if it is there, otherwise with pip.

    Args:
        words: what to install.

    Returns:
        The exit code.
    """
    uv = shutil.which("uv")
    pip = (
        [uv, "pip", "install", "--python", sys.executable] if uv else [sys.executable, "-m", "pip", "install"]
    )
    return subprocess.run([*pip, "--quiet", *words], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
