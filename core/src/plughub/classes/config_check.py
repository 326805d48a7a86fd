"""Detection of unknown settings: typing errors, renamed settings, and sections of inactive plugins."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from traitlets.config import Config, Configurable

from plughub.classes.plain_settings import PlainSettings

OTHER_PROGRAMS: Final = frozenset(
    {
        "ContentsManager",
        "FileContentsManager",
        "GatewayClient",
        "IPKernelApp",
        "IdentityProvider",
        "JupyterApp",
        "JupyterHubSingleUser",
        "KernelManager",
        "LabApp",
        "LabServerApp",
        "MappingKernelManager",
        "MultiKernelManager",
        "NotebookApp",
        "NotebookNotary",
        "ServerApp",
        "Session",
        "SingleUserLabApp",
        "SingleUserNotebookApp",
        "SingleUserServerApp",
        "TerminalManager",
    }
)
"""Classes of the programs that run as servers, whose settings some config files share with the hub."""
_RESTRICTION: Final = re.compile(r"allow|block|whitelist|blacklist|username_pattern")
Sections = Mapping[str, frozenset[str]]
"""Names of the settings that each section may contain."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Settings that no active class has.

    Attributes:
        errors: one message for each unknown section or setting.
        inactive: sections of inactive plugins and of other programs, which may stay.
    """

    errors: list[str] = field(default_factory=list)
    inactive: list[str] = field(default_factory=list)


def unknown_settings(
    config: Config,
    classes: Iterable[type[Configurable]],
    foreign: Mapping[str, str],
    instead: Mapping[str, str] | None = None,
    *,
    without_class: Sections | None = None,
) -> Findings:
    """Find settings in the configuration that no active class has.

    A section of an inactive plugin or of another program may stay. A section of an inactive authenticator
    may not, if it has a setting that restricts logins: the restriction would be lost.

    Args:
        config: the loaded configuration.
        classes: the active classes. A section may have the name of any class from which they inherit.
        foreign: owners of inactive classes, such as ``plugin 'docker'``, by the names of the classes.
        instead: advice for settings of JupyterHub that plughub does not have, by class and name.
        without_class: further sections that are accepted although no class reads them.

    Returns:
        The unknown settings, in the order of the file.
    """
    sections = known_sections(classes) | dict(without_class or {})
    findings = Findings()
    for problem in _check(config, "c", sections, foreign):
        if advice := _advice(problem.path, instead or {}):
            findings.errors.append(
                f"{problem.path} is a setting of JupyterHub without effect in plughub: {advice}"
            )
        else:
            (findings.inactive if problem.is_inactive else findings.errors).append(problem.text)
    return findings


def known_sections(classes: Iterable[type[Configurable]]) -> dict[str, frozenset[str]]:
    """Return the names of the settings that each section may contain."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for cls in classes:
        keys = cls.setting_names() if issubclass(cls, PlainSettings) else cls.class_trait_names(config=True)
        for name in cls.section_names():
            found[name].update(keys)
    return {name: frozenset(keys) for name, keys in found.items()}


@dataclass(frozen=True, slots=True)
class _Problem:
    """Unknown setting, the message about it, and whether it is only a section of an inactive class."""

    path: str
    text: str
    is_inactive: bool = False


def _advice(path: str, instead: Mapping[str, str]) -> str:
    """Return the advice for a setting of JupyterHub; that for a class applies to subclasses too."""
    *_, section, key = path.split(".")
    for known, advice in instead.items():
        cls, _, name = known.partition(".")
        if name == key and section.endswith(cls):
            return advice
    return ""


def _check(config: Config, path: str, sections: Sections, foreign: Mapping[str, str]) -> Iterator[_Problem]:
    for name, value in config.items():
        if not isinstance(value, Config):
            if path == "c":
                text = f"c.{name} has no class: use c.JupyterHub.{name}, or the class of the setting"
                yield _Problem(f"c.{name}", text)
        elif value:
            yield from _check_section(f"{path}.{name}", name, value, sections, foreign)


def _check_section(
    path: str, name: str, section: Config, sections: Sections, foreign: Mapping[str, str]
) -> Iterator[_Problem]:
    if name not in sections:
        keys = f"{path}.{next(iter(section))}" if len(section) == 1 else path
        yield _unknown_section(keys, path, section, sections, foreign)
        return
    for key, value in section.items():
        if not isinstance(value, Config) and key not in sections[name]:
            text = f"{path}.{key}: {name} has no such setting{_near_key(key, name, sections)}"
            yield _Problem(f"{path}.{key}", text)
    yield from _check(section, path, sections, foreign)


def _unknown_section(
    one: str, path: str, section: Config, sections: Sections, foreign: Mapping[str, str]
) -> _Problem:
    name = path.rpartition(".")[2]
    keys = ", ".join(str(key) for key in section)
    if name in OTHER_PROGRAMS:
        return _Problem(one, f"{path} ({keys}; of another program)", is_inactive=True)
    # class names of plugins that are not imported are guessed, so PAMAuthenticator matches PamAuthenticator
    owner = next((foreign[cls] for cls in foreign if cls.casefold() == name.casefold()), None)
    if owner and not _restricts_logins(name, section):
        return _Problem(one, f"{path} ({keys}; of {owner})", is_inactive=True)
    if owner:
        return _Problem(
            one,
            f"{path} ({keys}) restricts logins, but belongs to {owner}, which is not active: add it to "
            "--plugins, or remove these lines",
        )
    near = difflib.get_close_matches(name, [*sections, *foreign], n=1)
    offer = f"; did you mean {near[0]}?" if near else "; check that its plugin is installed"
    return _Problem(one, f"{path} ({keys}): no active plugin has a class {name}{offer}")


def _restricts_logins(name: str, section: Config) -> bool:
    return name.endswith("Authenticator") and any(_RESTRICTION.search(str(key)) for key in section)


def _near_key(key: str, name: str, sections: Sections) -> str:
    near = difflib.get_close_matches(key, sections[name], n=1)
    if near:
        return f"; did you mean c.{name}.{near[0]}?"
    others = [other for other, keys in sections.items() if key in keys]
    return f"; did you mean c.{others[-1]}.{key}?" if others else ""
