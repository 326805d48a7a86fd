"""Environment variables and repository that users choose for a start.

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
"""Prefixes of variables that hub and server use: users cannot set these, whatever the patterns."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]+)?", re.IGNORECASE)
"""Host and port, restricted to characters for which hub and git agree on where the host ends."""
_PATH: Final = re.compile(r"/[A-Za-z0-9._~/+-]+")
_FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SCHEMES: Final = ("https", "http")


def environment(requested: Any, allowed: Iterable[str]) -> dict[str, str]:
    """Check the environment variables that a user chose.

    Args:
        requested: names and values; any other type is refused.
        allowed: names, or patterns such as ``COURSE_*``.

    Raises:
        SpawnFailed: a variable is not allowed.
    """
    patterns = list(allowed)
    if not isinstance(requested, Mapping) or len(requested) > MOST_VARIABLES:
        raise _refused(f"the option environment must be a dictionary of up to {MOST_VARIABLES} variables")
    if requested and not patterns:
        raise _refused(
            "this hub does not allow choosing environment variables",
            "DockerSpawner.allowed_environment is empty",
        )
    return {_name(name, patterns): _value(name, value) for name, value in requested.items()}


def _name(name: Any, patterns: list[str]) -> str:
    known = isinstance(name, str) and _NAME.fullmatch(name) and not name.startswith(PROTOCOL)
    if not known or not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
        raise _refused(
            f"the environment variable {str(name)[:100]!r} is not allowed; allowed names: "
            f"{', '.join(patterns)}",
            "DockerSpawner.allowed_environment",
        )
    return str(name)


def _value(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > LONGEST_VALUE:
        raise _refused(f"the value of {name} must be a string of up to {LONGEST_VALUE} characters")
    return value


def repository(requested: Any, allowed: Iterable[str]) -> str:
    """Check the repository that a user chose; return its URL, or an empty string for none.

    Args:
        requested: the URL; any other type is refused.
        allowed: URLs, or patterns such as ``https://github.com/our-course/*``.

    Raises:
        SpawnFailed: the repository is not allowed.
    """
    if requested in ("", None):
        return ""
    patterns = list(allowed)
    if not patterns:
        raise _refused(
            "this hub does not allow choosing a repository", "DockerSpawner.allowed_repositories is empty"
        )
    parts = _parts(requested)
    if not any(_fits(parts, pattern) for pattern in patterns):
        raise _refused(
            f"the repository {requested!r} is not allowed; allowed repositories: {', '.join(patterns)}",
            "DockerSpawner.allowed_repositories",
        )
    return str(requested)


def _parts(requested: Any) -> SplitResult:
    """Split a URL, and refuse anything but a plain path on a web server."""
    problem = "the URL must have the form https://host/path, without user, password, query or .."
    try:
        parts = urlsplit(requested) if isinstance(requested, str) and len(requested) <= LONGEST_URL else None
        plain = parts and parts.scheme in _SCHEMES and parts.hostname and (parts.port or True)
    except ValueError:
        plain = None
    if not parts or not plain or parts.geturl() != requested or parts.query or parts.fragment:
        raise _refused(f"the repository {str(requested)[:200]!r} cannot be cloned: {problem}")
    steps = parts.path.split("/")
    if not _PLACE.fullmatch(parts.netloc) or not _PATH.fullmatch(parts.path) or {".", ".."} & set(steps):
        raise _refused(f"the repository {requested[:200]!r} cannot be cloned: {problem}")
    if not _FOLDER.fullmatch(folder_of(requested)):
        raise _refused(
            f"the repository {requested[:200]!r} cannot be cloned: its name is not a valid folder name"
        )
    return parts


def _fits(parts: SplitResult, pattern: str) -> bool:
    """Match a URL against a pattern, part by part: a ``*`` in the host never matches into the path."""
    scheme, separator, rest = pattern.partition("://")
    host, slash, path = rest.partition("/")
    return (
        bool(separator and slash)
        and parts.scheme == scheme
        and fnmatch.fnmatchcase(parts.netloc.lower(), host.lower())
        and fnmatch.fnmatchcase(parts.path, f"/{path}")
    )


def folder_of(url: str) -> str:
    """Return the folder into which git clones: the last part of the path, without ``.git``."""
    return url.rstrip("/").rpartition("/")[2].removesuffix(".git")


def read_variables(text: str) -> dict[str, str]:
    """Parse the form's text, one ``NAME=value`` per line; the values are not checked yet.

    Raises:
        ValueError: a line has no ``=``; the message quotes it.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if wrong := next((line for line in lines if "=" not in line), None):
        raise ValueError(f"environment variables: {wrong[:100]!r} is not NAME=value")
    pairs = [line.partition("=")[::2] for line in lines]
    return {name.strip(): value.strip() for name, value in pairs}


def form(
    variables: Iterable[str], repositories: Iterable[str], environment: Mapping[str, Any] | None = None
) -> str:
    """Return the HTML form for variables and repository; empty when nothing is allowed.

    Args:
        variables: allowed names.
        repositories: allowed repositories.
        environment: variables of the last start, which the form suggests.
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
            f'<small id="about-repository">Optional. Allowed repositories: {_listed(places)}</small>'
        )
    if known:
        chosen = environment if isinstance(environment, Mapping) else {}
        lines = [f"{name}={value}" for name, value in chosen.items() if "\n" not in str(value)]
        text += (
            '<label for="environment" class="form-label">Environment variables</label>'
            '<textarea id="environment" name="environment" class="form-control" rows="3" spellcheck="false" '
            'autocapitalize="off" aria-describedby="about-environment">'
            f"{html.escape(chr(10).join(lines))}</textarea>"
            f'<small id="about-environment">One NAME=value per line. Allowed names: {_listed(known)}</small>'
        )
    return text


def _listed(texts: list[str]) -> str:
    return html.escape(", ".join(texts))


def _refused(message: str, detail: str = "") -> SpawnFailed:
    return SpawnFailed(message, detail=detail, status=400, retry=False)
