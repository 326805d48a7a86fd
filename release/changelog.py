"""Move the fragments of changelogs into them: ``python release/changelog.py [--draft]``.

Each distribution that has files in ``changelog.d`` gets a section with its version and the date of today.
Raise the version first. With ``--draft`` the sections are printed and nothing changes.
"""

from __future__ import annotations

import subprocess
import sys

from distributions import ROOT, Distribution, all_distributions


def main(arguments: list[str]) -> int:
    """Write the sections of all distributions that have fragments.

    Args:
        arguments: of the command line; towncrier gets them.

    Returns:
        The exit code.
    """
    changed = [each for each in all_distributions() if any(each.folder.glob("changelog.d/*.md"))]
    return max([write(each, arguments) for each in changed], default=0)


def write(distribution: Distribution, arguments: list[str]) -> int:
    """Write the section of one distribution.

    Args:
        distribution: which one.
        arguments: further ones for towncrier.

    Returns:
        The exit code.
    """
    where = ["--config", str(ROOT / "pyproject.toml"), "--dir", str(distribution.folder)]
    what = ["--name", distribution.name, "--version", distribution.version]
    command = ["towncrier", "build", "--yes", *where, *what, *arguments]
    print(f"{distribution.name} {distribution.version}", flush=True)
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
