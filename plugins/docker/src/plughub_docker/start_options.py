"""What users may ask for besides an image: environment variables, and a repository that is cloned first.

Nothing is allowed unless the administrator listed it.
"""

from __future__ import annotations

import fnmatch
import html
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from plughub.spawner import SpawnFailed

MOST_VARIABLES: Final = 100
LONGEST_VALUE: Final = 4096
LONGEST_URL: Final = 2000
PROTOCOL: Final = ("JUPYTERHUB_", "JPY_", "PLUGHUB_")
"""Variables that begin so are between hub and server: no pattern lets a user set them."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]+)?", re.IGNORECASE)
"""Host and port: with any other sign, hub and git may not agree on where the host ends."""
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/+-]+")
_FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SCHEMES: Final = ("https", "http")


def environment(asked: Any, allowed: Iterable[str]) -> dict[str, str]:
    """Check the variables that a user asks for.

    Args:
        asked: what she asks for: a dictionary of texts, anything else is refused.
        allowed: names, or patterns such as ``COURSE_*``.

    Returns:
        The variables.

    Raises:
        SpawnFailed: she may not have them.
    """
    patterns = list(allowed)
    if not isinstance(asked, Mapping) or len(asked) > MOST_VARIABLES:
        raise _refused(f"the option environment has to be up to {MOST_VARIABLES} variables by name")
    if asked and not patterns:
        raise _refused(
            "no environment variables can be chosen on this hub", "DockerSpawner.allowed_environment is empty"
        )
    return {_name(name, patterns): _value(name, value) for name, value in asked.items()}


def _name(name: Any, patterns: list[str]) -> str:
    known = isinstance(name, str) and _NAME.fullmatch(name) and not name.startswith(PROTOCOL)
    if not known or not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
        raise _refused(
            f"the environment variable {str(name)[:100]!r} cannot be chosen; there are: "
            f"{', '.join(patterns)}",
            "DockerSpawner.allowed_environment",
        )
    return str(name)


def _value(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > LONGEST_VALUE:
        raise _refused(f"the value of {name} has to be a text of up to {LONGEST_VALUE} signs")
    return value


def repository(asked: Any, allowed: Iterable[str]) -> str:
    """Check the repository that a user asks for.

    Args:
        asked: its address; anything but a text is refused.
        allowed: addresses, or patterns such as ``https://github.com/our-course/*``.

    Returns:
        The address; empty when she asks for none.

    Raises:
        SpawnFailed: she may not have it.
    """
    if asked in ("", None):
        return ""
    patterns = list(allowed)
    if not patterns:
        raise _refused(
            "no repository can be chosen on this hub", "DockerSpawner.allowed_repositories is empty"
        )
    parts = _parts(asked)
    if not any(_fits(parts, pattern) for pattern in patterns):
        raise _refused(
            f"the repository {asked!r} cannot be chosen; there are: {', '.join(patterns)}",
            "DockerSpawner.allowed_repositories",
        )
    return str(asked)


def _parts(asked: Any) -> SplitResult:
    """Take an address apart; what could mean anything but a place on a web server is refused."""
    problem = "it has to be https://host/path, without user, password, query or .."
    try:
        parts = urlsplit(asked) if isinstance(asked, str) and len(asked) <= LONGEST_URL else None
        plain = parts and parts.scheme in _SCHEMES and parts.hostname and (parts.port or True)
    except ValueError:
        plain = None
    if not parts or not plain or parts.geturl() != asked or parts.query or parts.fragment:
        raise _refused(f"the repository {str(asked)[:200]!r} cannot be cloned: {problem}")
    steps = parts.path.split("/")
    if not _PLACE.fullmatch(parts.netloc) or not _PATH.fullmatch(parts.path) or {".", ".."} & set(steps):
        raise _refused(f"the repository {asked[:200]!r} cannot be cloned: {problem}")
    if not _FOLDER.fullmatch(folder_of(asked)):
        raise _refused(f"the repository {asked[:200]!r} cannot be cloned: its name cannot be one of a folder")
    return parts


def _fits(parts: SplitResult, pattern: str) -> bool:
    """Compare part by part: a ``*`` in a host never reaches into the path."""
    scheme, separator, rest = pattern.partition("://")
    host, slash, path = rest.partition("/")
    return (
        bool(separator and slash)
        and parts.scheme == scheme
        and fnmatch.fnmatchcase(parts.netloc.lower(), host.lower())
        and fnmatch.fnmatchcase(parts.path, f"/{path}")
    )


def folder_of(url: str) -> str:
    """Name the folder into which git clones.

    Args:
        url: of the repository.

    Returns:
        The last part of its path, without ``.git``.
    """
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git")


def read_variables(text: str) -> dict[str, str]:
    """Read what stands in the form: one variable a line.

    Args:
        text: lines of ``NAME=value``.

    Returns:
        The variables, not checked yet.

    Raises:
        ValueError: a line is none; the user reads which.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if wrong := next((line for line in lines if "=" not in line), None):
        raise ValueError(f"environment variables: {wrong[:100]!r} is not NAME=value")
    pairs = [line.partition("=")[::2] for line in lines]
    return {name.strip(): value.strip() for name, value in pairs}


def form(variables: Iterable[str], repositories: Iterable[str]) -> str:
    """Write the part of the form in which variables and a repository are asked for.

    Args:
        variables: that are allowed.
        repositories: that are allowed.

    Returns:
        HTML; empty when nothing is allowed.
    """
    known, places = list(variables), list(repositories)
    text = ""
    if places:
        options = "".join(f'<option value="{html.escape(one)}">' for one in places if "*" not in one)
        text += (
            '<label for="repository" class="form-label">Repository to clone</label>'
            '<input id="repository" name="repository" type="url" class="form-control" list="repositories" '
            f'placeholder="{html.escape(places[0])}" aria-describedby="about-repository">'
            f'<datalist id="repositories">{options}</datalist>'
            f'<small id="about-repository">May stay empty. There are: {_listed(places)}</small>'
        )
    if known:
        text += (
            '<label for="environment" class="form-label">Environment variables</label>'
            '<textarea id="environment" name="environment" class="form-control" rows="3" spellcheck="false" '
            'autocapitalize="off" aria-describedby="about-environment"></textarea>'
            f'<small id="about-environment">One NAME=value a line. There are: {_listed(known)}</small>'
        )
    return text


def _listed(texts: list[str]) -> str:
    return html.escape(", ".join(texts))


def _refused(message: str, detail: str = "") -> SpawnFailed:
    return SpawnFailed(message, detail=detail, status=400, retry=False)
