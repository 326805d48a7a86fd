"""Write the lists of components (SBOM, CycloneDX): ``python release/components.py [FOLDER]``.

Each wheel is installed in an empty environment, so that its list names what an installation on this day
contains.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from distributions import ROOT, Distribution, all_distributions


def main(arguments: list[str]) -> int:
    """Write NAME-VERSION.cdx.json beside the wheels in the folder that the first argument names.

    Args:
        arguments: of the command line; the folder is ``dist`` by default.

    Returns:
        The exit code.
    """
    folder = Path(arguments[0] if arguments else ROOT / "dist").resolve()
    for each in all_distributions():
        with tempfile.TemporaryDirectory(prefix="plughub-components-") as environment:
            print(f"wrote {write(each, folder, Path(environment))}", flush=True)
    return 0


def write(distribution: Distribution, folder: Path, environment: Path) -> Path:
    """Write the list of components of one distribution.

    Args:
        distribution: which one.
        folder: of all wheels; the list is written there.
        environment: an empty folder.

    Returns:
        The file.
    """
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    wheels = [str(folder / each.wheel) for each in (Distribution(ROOT / "core"), distribution)]
    install = ["uv", "pip", "install", "--quiet", "--python", str(python), "--find-links", str(folder)]
    subprocess.run([*install, *sorted(set(wheels))], check=True)
    file = folder / f"{distribution.stem}.cdx.json"
    about = ["--pyproject", str(distribution.folder / "pyproject.toml"), "--mc-type", "library"]
    command = ["cyclonedx-py", "environment", *about, "--output-reproducible", "-o", str(file), str(python)]
    subprocess.run(command, check=True)
    return file


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
