"""Detection of unknown settings: typing errors, renamed settings, and sections of inactive plugins."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from traitlets.config import Config, Configurable

from plughub.classes.plain_settings import PlainSettings

Sections = Mapping[str, frozenset[str]]
"""Names of the settings that each section may contain."""


def unknown_settings(
    config: Config,
    classes: Iterable[type[Configurable]],
    foreign: Mapping[str, str],
    instead: Mapping[str, str] | None = None,
    *,
    without_class: Sections | None = None,
) -> list[str]:
    """Find settings in the configuration that no active class has.

    Args:
        config: the loaded configuration.
        classes: the active classes. A section may have the name of any class from which they inherit.
        foreign: inactive plugins, by the names of their classes.
        instead: advice for settings of JupyterHub that plughub does not have, by class and name.
        without_class: further sections that are accepted although no class reads them.

    Returns:
        One message for each unknown section or setting, in the order of the file.
    """
    sections = known_sections(classes) | dict(without_class or {})
    return [
        f"{problem.path} is a setting of JupyterHub without effect in plughub: {advice}"
        if (advice := _advice(problem.path, instead or {}))
        else problem.text
        for problem in _check(config, "c", sections, foreign)
    ]


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
    """Unknown setting, and the message about it."""

    path: str
    text: str


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
        yield _Problem(keys, _unknown_section(path, name, section, sections, foreign))
        return
    for key, value in section.items():
        if not isinstance(value, Config) and key not in sections[name]:
            text = f"{path}.{key}: {name} has no such setting{_near_key(key, name, sections)}"
            yield _Problem(f"{path}.{key}", text)
    yield from _check(section, path, sections, foreign)


def _unknown_section(
    path: str, name: str, section: Config, sections: Sections, foreign: Mapping[str, str]
) -> str:
    keys = ", ".join(str(key) for key in section)
    # class names of plugins that are not imported are guessed, so PAMAuthenticator matches PamAuthenticator
    owner = next((foreign[cls] for cls in foreign if cls.casefold() == name.casefold()), None)
    if owner:
        return (
            f"{path} ({keys}) belongs to plugin {owner!r}, which is not active: add it to --plugins, "
            "or remove these lines"
        )
    near = difflib.get_close_matches(name, [*sections, *foreign], n=1)
    offer = f"; did you mean {near[0]}?" if near else "; check that its plugin is installed"
    return f"{path} ({keys}): no active plugin has a class {name}{offer}"


def _near_key(key: str, name: str, sections: Sections) -> str:
    near = difflib.get_close_matches(key, sections[name], n=1)
    if near:
        return f"; did you mean c.{name}.{near[0]}?"
    others = [other for other, keys in sections.items() if key in keys]
    return f"; did you mean c.{others[-1]}.{key}?" if others else ""
