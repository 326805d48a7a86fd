"""Images for tests, built from this machine's Python without a registry."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

PYTHON: Final = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
"""The interpreter, at the same path inside the images."""
STDLIB: Final = Path(sysconfig.get_path("stdlib"))
NEEDLESS: Final = re.compile(
    r"/(site-packages|dist-packages|test|tests|idlelib|turtledemo|ensurepip|tkinter|config-[^/]+)(/|$)"
)
LIBRARY: Final = re.compile(r"(?:=> )?(/\S+) \(0x")
_ELF: Final = b"\x7fELF"
WORDS: Final = b"root:x:0:0::/root:/bin/sh\njovyan:x:1000:1000::/home/jovyan:/bin/sh\n"


def build(
    client: Any, name: str, paths: Iterable[Path], files: Mapping[str, bytes], changes: Sequence[str]
) -> str:
    """Build an image from files of this machine, unless the engine already has it.

    Args:
        client: client of the engine.
        name: name of the repository.
        paths: files that have the same path in the image.
        files: contents by path in the image.
        changes: lines of a Dockerfile.

    Returns:
        The image, with a tag derived from its content.
    """
    chosen = list(paths)
    facts = [PYTHON, sys.version, sys.prefix, list(changes), sorted(files.items()), sorted(map(str, chosen))]
    content = repr(facts).encode() + Path(__file__).read_bytes()
    tag = hashlib.sha256(content).hexdigest()[:12]
    image = f"{name}:{tag}"
    if client.images(image):
        return image
    with tempfile.NamedTemporaryFile() as packed:
        with tarfile.open(packed.name, mode="w") as archive:
            _pack(archive, chosen, files)
        client.import_image_from_file(packed.name, repository=name, tag=tag, changes=list(changes))
    return image


def python_paths() -> list[Path]:
    """List the files of the interpreter and its standard library."""
    library = [path for path in STDLIB.rglob("*") if path.is_file() and not NEEDLESS.search(str(path))]
    return [Path(PYTHON), *library]


def distribution_paths(*names: str) -> list[Path]:
    """List the files of distributions and their dependencies, as far as installed, with compiled modules."""
    found: dict[str, metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for text in found[name].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    files = (Path(str(one.locate_file(file))).resolve() for one in found.values() for file in one.files or ())
    chosen = [
        path for path in files if path.is_file() and path.suffix != ".pyc" and "/tests/" not in str(path)
    ]
    # A container has nothing to compile then. Installers do not always list these files.
    compiled = (Path(cache_from_source(str(path))) for path in chosen if path.suffix == ".py")
    return [*chosen, *filter(Path.is_file, compiled)]


def _pack(archive: tarfile.TarFile, paths: Iterable[Path], files: Mapping[str, bytes]) -> None:
    for folder, mode, owner in (("tmp", 0o1777, 0), ("home/jovyan", 0o755, 1000), ("proc", 0o755, 0)):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, owner, owner
        archive.addfile(entry)
    for name in {"python", "python3", Path(PYTHON).name}:
        link = tarfile.TarInfo(str(Path(sys.prefix, "bin", name)))
        link.type, link.linkname = tarfile.SYMTYPE, PYTHON
        archive.addfile(link)
    for name, content in {"/etc/passwd": WORDS, **files}.items():
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            Path(file.name).chmod(0o644)
            archive.add(file.name, name)
    libraries = {library for path in paths if _is_binary(path) for library in libraries_of(path)}
    for name in sorted({*map(str, paths), *libraries}):
        source = Path(name).resolve() if name in libraries else name
        archive.add(source, name, recursive=False, filter=_by_root)


def _by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.mode |= 0o555 if entry.mode & 0o100 or entry.isdir() else 0o444
    return entry


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ELF)) == _ELF


def libraries_of(path: Path) -> list[str]:
    """List the shared libraries that a binary is linked with."""
    output = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    return [os.path.normpath(library) for library in LIBRARY.findall(output)]
