"""Build the source distributions and the wheels: ``python release/archives.py [FOLDER]``."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from distributions import ROOT, Distribution, all_distributions


def main(arguments: list[str]) -> int:
    """Build into the folder that the first argument names, by default ``dist``.

    Files of earlier builds in the folder are deleted: what is there afterwards belongs together.

    Args:
        arguments: of the command line.

    Returns:
        The exit code.
    """
    folder = Path(arguments[0] if arguments else ROOT / "dist").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("*.whl"), *folder.glob("*.tar.gz"), *folder.glob("*.cdx.json")):
        old.unlink()
    with ThreadPoolExecutor(2) as pool:
        failed = [text for text in pool.map(lambda each: build(each, folder), all_distributions()) if text]
    print("\n".join(failed) or f"built {len(list(folder.iterdir()))} files in {folder}")
    return 1 if failed else 0


def build(distribution: Distribution, folder: Path) -> str:
    """Build one source distribution, and the wheel from it: it needs nothing else of the clone.

    Args:
        distribution: which one.
        folder: where to put the files.

    Returns:
        What went wrong, empty if nothing did.
    """
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(distribution.folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"{distribution.name}:\n{done.stdout}{done.stderr}" if done.returncode else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
