"""Generator of a complete package with a plugin, from the files in ``templates``.

A file of a template contains words such as ``@NAME@``, which are replaced; there is no other syntax.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Final

from packaging.version import Version

import plughub
from plughub.contract import CONTRACT_VERSION
from plughub.domain.errors import StartError
from plughub.markers import PROJECT

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST: Final = 30
_LONGEST_AUTHOR: Final = 200
_NO_NAME: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, parts of undecodable bytes, separators of lines and paragraphs."""
_WORD: Final = re.compile(r"@([A-Z_]+)@")
_WITH_WORDS: Final = ("USE", "CONFIG", "SETTINGS")
"""Words whose text has other words."""
_TINY_SERVER: Final = '[sys.executable, "-m", "plughub.testing.tiny_server"]'
_SERVERS: Final = f"c.Spawner.cmd = {_TINY_SERVER}\n"
_HOMES: Final = 'c.SimpleLocalProcessSpawner.home_dir_template = "homes/{username}"\n'
_FILES: Final = MappingProxyType(
    {
        "pyproject.toml.in": "pyproject.toml",
        "tox.ini.in": "tox.ini",
        "README.md.in": "README.md",
        "LICENSE.in": "LICENSE",
        "gitignore.in": ".gitignore",
        "tests.yml.in": ".github/workflows/tests.yml",
        "jupyterhub_config.py.in": "jupyterhub_config.py",
    }
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of plugin.

    Attributes:
        summary: one line for the package.
        plugins: plugins of the configuration for a try, beside the new one.
        settings: Python code of the value of its section in ``plugin_settings``; empty for none.
        config: further lines of that configuration.
        class_config: the same for a class.
        requirements: distributions that the module imports, beside plughub.
        types: distributions with the types of these.
        has_class: whether it can be written as a class.
        use: what the README says on its use.
    """

    summary: str
    plugins: tuple[str, ...]
    settings: str = ""
    config: str = ""
    class_config: str = ""
    requirements: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    has_class: bool = False
    use: str = ""


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "spawner": Kind(
            "Spawner for plughub.",
            ("onetime",),
            settings=f'{{"cmd": {_TINY_SERVER}}}',
            class_config=f'{_SERVERS}c.@CLASS@Spawner.folder = "servers"\n',
            requirements=("psutil>=6",),
            types=("types-psutil>=6",),
            has_class=True,
            use="It starts the servers of users.",
        ),
        "authenticator": Kind(
            "Authenticator for plughub.",
            ("simple",),
            settings='{"users": {"ada": hashed("secret")}}',
            config=f"c.Authenticator.allow_all = True\n{_SERVERS}{_HOMES}",
            class_config=(
                'c.@CLASS@Authenticator.users = {"ada": hashed("secret")}\n'
                f"c.Authenticator.allow_all = True\n{_SERVERS}{_HOMES}"
            ),
            has_class=True,
            use="It decides who logs in. In the configuration for a try, `ada` logs in with `secret`.",
        ),
        "proxy": Kind(
            "Proxy for plughub.",
            ("simple", "onetime"),
            config=_SERVERS + _HOMES,
            class_config=_SERVERS + _HOMES,
            has_class=True,
            use=(
                "It forwards requests to the hub and to the servers. A hub has one proxy. This one keeps\n"
                "the header `Service-Worker-Allowed` of servers, so a hub for several users starts only\n"
                "with an origin for each server (`c.JupyterHub.subdomain_host`) or with\n"
                "`c.JupyterHub.allow_worker_scopes = True`."
            ),
        ),
        "veto": Kind(
            "Veto on starts of servers for plughub.",
            ("simple", "onetime"),
            settings='{"refused_groups": ["guests"]}',
            config=_SERVERS + _HOMES,
            use="Users of the groups in its setting `refused_groups` cannot start servers.",
        ),
        "listener": Kind(
            "Event listener for plughub.",
            ("simple", "onetime"),
            settings='{"file": "events.jsonl"}',
            config=_SERVERS + _HOMES,
            use="It writes each event of the hub to the file in its setting `file`.",
        ),
        "token-check": Kind(
            "Check of another service's tokens for plughub.",
            ("simple", "onetime"),
            settings='{"tokens": {hashed("a-token-of-another-service"): "ada"}}',
            config=_SERVERS + _HOMES,
            use="Programs use the tokens in its setting `tokens` for calls of the hub's API.",
        ),
        "page": Kind(
            "Page for plughub.",
            ("simple", "onetime"),
            settings='{"text": "Hello."}',
            config=_SERVERS + _HOMES,
            use="It adds the page `/hub/@NAME@` and the API call `/hub/api/@NAME@`.",
        ),
    }
)
"""Kinds of plugins by their name on the command line."""


def new_plugin(
    kind: str, name: str, folder: Path, *, as_class: bool = False, author: str | None = None
) -> list[Path]:
    """Write a package with a plugin.

    Args:
        kind: one of `KINDS`.
        name: name of the plugin, such as ``slurm``.
        folder: the folder to create.
        as_class: write a class instead of functions.
        author: for the package and its licence; None for its developers.

    Returns:
        The files.

    Raises:
        StartError: the name or the author is invalid, the kind has no class, or the folder exists or cannot
            be written.
    """
    _check_name(name)
    if as_class and not KINDS[kind].has_class:
        able = ", ".join(known for known, described in KINDS.items() if described.has_class)
        raise StartError(f"a {kind} is written as functions", hint=f"--class is for: {able}")
    if author is None:
        author = f"the {PROJECT}-{name} developers"
    _check_author(author)
    words = _words(kind, name, author.strip(), as_class=as_class)
    texts = list(_files(kind, name, words, as_class=as_class))
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise StartError(f"{folder} exists", hint="choose another folder with --folder") from None
    except OSError as error:
        raise StartError(f"{folder} cannot be written: {error.strerror}") from error
    try:
        return [_write(folder / target, text) for target, text in texts]
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StartError(f"{folder} cannot be written: {error.strerror}") from error


def default_folder(name: str) -> Path:
    """Return the folder of a new plugin: the name of its distribution."""
    return Path(f"{PROJECT}-{name}")


def _check_name(name: str) -> None:
    plain = name.removeprefix(f"{PROJECT}-")
    if plain != name:
        raise StartError(
            f"{name!r} is the name of a distribution", hint=f"the name of the plugin is {plain!r}"
        )
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise StartError(
            f"{name!r} is not a name for a plugin",
            hint=f"use up to {_LONGEST} lower-case letters, digits and single hyphens, such as 'slurm'",
        )


def _words(kind: str, name: str, author: str, *, as_class: bool) -> dict[str, str]:
    """Return what replaces each word of the templates."""
    described = KINDS[kind]
    version = Version(plughub.__version__)
    package = f"{PROJECT}_{name.replace('-', '_')}"
    settings = "" if as_class else described.settings
    config = described.class_config if as_class else described.config
    needs_import = "hashed(" in settings + config
    return {
        "NAME": name,
        "DISTRIBUTION": f"{PROJECT}-{name}",
        "PACKAGE": package,
        "CLASS": "".join(part.capitalize() for part in name.split("-")),
        "KIND": kind,
        "AUTHOR": author,
        "AUTHOR_IN_TOML": _in_toml(author),
        "YEAR": str(dt.datetime.now(dt.UTC).year),
        "CORE": f">={version.major}.{version.minor},<{version.major}.{version.minor + 1}",
        "OLDEST": f"{version.major}.{version.minor}.0",
        "CONTRACT": CONTRACT_VERSION,
        "SUMMARY": described.summary,
        "PLUGINS": ", ".join(f'"{plugin}"' for plugin in (name, *described.plugins)),
        "REQUIREMENTS": "".join(f', "{needed}"' for needed in _requirements(described, as_class=as_class)),
        "TYPES": "".join(f', "{needed}"' for needed in described.types),
        "USE": described.use + "\n",
        "SETTINGS": f'\n    "{name}": {settings},\n' if settings else "",
        "CONFIG": config,
        "IMPORT": f"\nfrom {package} import hashed\n" if needs_import else "",
    }


def _requirements(described: Kind, *, as_class: bool) -> tuple[str, ...]:
    if as_class:
        return ("traitlets>=5.14",)
    return described.requirements


def _check_author(author: str) -> None:
    if not author.strip():
        raise StartError("the author is empty", hint="write a name, or leave out --author")
    if len(author) > _LONGEST_AUTHOR:
        raise StartError(f"the author is longer than {_LONGEST_AUTHOR} characters", hint="write a name")
    # Line ends, control characters, and bytes that are no text cannot stand in the licence and the metadata.
    if wrong := next((char for char in author if unicodedata.category(char) in _NO_NAME), ""):
        raise StartError(f"the author contains {wrong!r}", hint="write a name of one line")


def _in_toml(text: str) -> str:
    """Escape what would end a string in TOML; `_check_author` has excluded what cannot stand there."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _files(kind: str, name: str, words: Mapping[str, str], *, as_class: bool) -> Iterator[tuple[str, str]]:
    """Yield path and content of each file."""
    templates = resources.files("plughub.kit").joinpath("templates")
    package = words["PACKAGE"]
    form = "class" if as_class else "functions"
    for source, target in _FILES.items():
        yield target, _filled(templates / "common" / source, words)
    yield f"src/{package}/__init__.py", _filled(templates / kind / f"{form}.py.in", words)
    yield f"src/{package}/py.typed", ""
    yield (
        f"tests/test_{package.removeprefix(f'{PROJECT}_')}.py",
        _filled(templates / kind / f"{form}_test.py.in", words),
    )
    if kind == "page":
        yield f"src/{package}/templates/{name}.html", _filled(templates / kind / "page.html.in", words)


def _filled(template: Traversable, words: Mapping[str, str]) -> str:
    text = template.read_text(encoding="utf-8")
    for word in _WITH_WORDS:
        text = text.replace(f"@{word}@", words[word])
    # In one pass, because the author's name may look like a word.
    text = _WORD.sub(lambda found: words.get(found[1], found[0]), text)
    return text.rstrip("\n") + "\n"


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file
