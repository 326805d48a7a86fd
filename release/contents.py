"""Check what is in the wheels and source distributions: ``python release/contents.py [FOLDER]``."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from pathlib import Path

from distributions import ROOT, Distribution, all_distributions

FIELDS = ("Author", "Classifier", "Description-Content-Type", "Keywords", "License-Expression", "Project-URL")
"""What the metadata of a distribution must state; an index shows them."""
BESIDE_SOURCES = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
"""What a source distribution contains beside the sources."""
_LINK = re.compile(r"\]\((?!https://|#)([^)]+)\)")


def main(arguments: list[str]) -> int:
    """Check the files in the folder that the first argument names, by default ``dist``.

    Args:
        arguments: of the command line.

    Returns:
        The exit code: 1 if something is wrong, which is printed.
    """
    folder = Path(arguments[0] if arguments else ROOT / "dist").resolve()
    wrong = [f"{each.name}: {text}" for each in all_distributions() for text in problems(each, folder)]
    print("\n".join(wrong) or f"the contents of all files in {folder} are as they should be")
    return 1 if wrong else 0


def problems(distribution: Distribution, folder: Path) -> Iterator[str]:
    """Yield what is wrong with the wheel and the source distribution of one distribution.

    Args:
        distribution: which one.
        folder: of the built files.
    """
    wheel, sdist = folder / distribution.wheel, folder / distribution.sdist
    missing = [path.name for path in (wheel, sdist) if not path.exists()]
    yield from (f"{name} was not built" for name in missing)
    if not missing:
        licence = (ROOT / "LICENSE").read_text()
        yield from in_wheel(distribution, wheel, licence)
        yield from in_sdist(distribution, sdist, licence)


def in_wheel(distribution: Distribution, path: Path, licence: str) -> Iterator[str]:
    """Yield what is wrong with a wheel.

    Args:
        distribution: to which it belongs.
        path: of the file.
        licence: the text that it must contain.
    """
    with zipfile.ZipFile(path) as wheel:
        about = f"{distribution.stem}.dist-info/"
        found = {name for name in wheel.namelist() if not name.startswith(about)}
        yield from differences(path.name, distribution.sources(), found)
        text = f"{about}licenses/LICENSE"
        if text not in wheel.namelist() or wheel.read(text).decode() != licence:
            yield f"{path.name} does not contain the licence"
        metadata = Parser().parsestr(wheel.read(f"{about}METADATA").decode())
        yield from (f"{path.name}: {text}" for text in in_metadata(distribution, metadata))


def in_sdist(distribution: Distribution, path: Path, licence: str) -> Iterator[str]:
    """Yield what is wrong with a source distribution.

    Args:
        distribution: to which it belongs.
        path: of the file.
        licence: the text that it must contain.
    """
    with tarfile.open(path) as sdist:
        names = [name.removeprefix(f"{distribution.stem}/") for name in sdist.getnames()]
        found = {name.removeprefix("src/") for name in names if name.startswith("src/")}
        yield from differences(path.name, distribution.sources(), found)
        yield from differences(
            path.name, BESIDE_SOURCES, {name for name in names if not name.startswith("src/")}
        )
        text = sdist.extractfile(f"{distribution.stem}/LICENSE") if "LICENSE" in names else None
        if text is None or text.read().decode() != licence:
            yield f"{path.name} does not contain the licence"


def differences(name: str, wanted: set[str], found: set[str]) -> Iterator[str]:
    """Yield files that are missing and files that do not belong there.

    Args:
        name: of the archive.
        wanted: files that belong there.
        found: files that are there.
    """
    if wanted - found:
        yield f"{name} lacks {', '.join(sorted(wanted - found))}"
    if found - wanted:
        yield f"{name} also contains {', '.join(sorted(found - wanted))}"


def in_metadata(distribution: Distribution, metadata: Message) -> Iterator[str]:
    """Yield what is wrong with the metadata, which an index shows.

    Args:
        distribution: to which it belongs.
        metadata: as it is in the wheel.
    """
    yield from (f"the metadata lacks {field}" for field in FIELDS if not metadata[field])
    if metadata["Version"] != distribution.version:
        yield f"the metadata has version {metadata['Version']} instead of {distribution.version}"
    readme = metadata.get_payload()
    if not isinstance(readme, str) or not readme.strip():
        yield "the metadata lacks the README"
    else:
        yield from (f"the README links to {link}, a file of the clone" for link in _LINK.findall(readme))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
