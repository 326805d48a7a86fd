"""Check that what was built is ready for a release: ``python release/tags.py [FOLDER]``.

A release of a distribution is a tag NAME-VERSION, such as ``plughub-docker-0.1.1``, on the commit in which
its version is VERSION. Nothing is uploaded: the command to do so is printed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from distributions import ROOT, Distribution, all_distributions

PLACEHOLDER = "example.org"
"""The domain reserved for examples, which the addresses of the project have until it has its own."""


def main(arguments: list[str]) -> int:
    """Check the distributions that tags of this commit name.

    Args:
        arguments: of the command line; the first names the folder of the files, by default ``dist``.

    Returns:
        The exit code: 1 if a tag and a version do not agree, or something else is missing for a release.
    """
    folder = Path(arguments[0] if arguments else ROOT / "dist")
    tags = set(git("tag", "--points-at", "HEAD"))
    everything = all_distributions()
    released = [each for each in everything if each.tag in tags]
    wrong = [*unknown(tags, everything), *(text for each in released for text in missing(each))]
    if released and git("status", "--porcelain", "--untracked-files=no"):
        wrong.append("the working tree has changes that are not committed")
    for text in wrong:
        print(f"not ready: {text}")
    if not released:
        print(
            "no tag of this commit releases anything; for a release of all, set the tags",
            *(each.tag for each in everything),
        )
    elif not wrong:
        files = [str(folder / name) for each in released for name in (each.sdist, each.wheel)]
        print(f"ready; to publish: python -m twine upload {' '.join(files)}")
    return 1 if wrong else 0


def unknown(tags: set[str], everything: list[Distribution]) -> Iterator[str]:
    """Yield tags that name a distribution with a version that it does not have.

    Args:
        tags: of the commit.
        everything: all distributions.
    """
    for tag in sorted(tags - {each.tag for each in everything}):
        name, _, version = tag.rpartition("-")
        named = next((each for each in everything if each.name == name), None)
        if named is not None:
            yield f"the tag {tag} says {version}, {named.folder.name}/ says {named.version}"


def missing(distribution: Distribution) -> Iterator[str]:
    """Yield what a distribution lacks before it can be published.

    Args:
        distribution: which one.
    """
    fragments = [path.name for path in distribution.folder.glob("changelog.d/*.md")]
    if fragments:
        yield f"{distribution.name} has changes that are not in its changelog: {', '.join(sorted(fragments))}"
    if f"## {distribution.version} (" not in (distribution.folder / "CHANGELOG.md").read_text():
        yield f"the changelog of {distribution.name} has no section {distribution.version}"
    if any(PLACEHOLDER in address for address in distribution.project["urls"].values()):
        yield f"{distribution.name} has placeholders as addresses: set [project.urls] in its pyproject.toml"


def git(*words: str) -> list[str]:
    """Return the lines that a command of git prints.

    Args:
        words: of the command.
    """
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
