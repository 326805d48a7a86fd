"""Settings in a config file that nothing reads: typing errors, renamed keys, sections of inactive plugins."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from traitlets.config import Config, Configurable

Sections = Mapping[str, frozenset[str]]
"""The keys that each section may have."""


def unknown_settings(
    config: Config,
    classes: Iterable[type[Configurable]],
    foreign: Mapping[str, str],
    instead: Mapping[str, str] | None = None,
) -> list[str]:
    """Find what a config file sets that no active class has.

    Args:
        config: the loaded configuration.
        classes: the classes that are active; a section may carry the name of any class that they
            inherit from, and set what the active class has.
        foreign: plugins that are installed but not active, by the names of their classes.
        instead: what to do about settings of JupyterHub that are not there, by class and name.

    Returns:
        One message for each unknown section or key, in the order of the file.
    """
    sections = known_sections(classes)
    return [
        f"{problem.path} is JupyterHub's and has no effect here: {advice}"
        if (advice := _advice(problem.path, instead or {}))
        else problem.text
        for problem in _check(config, "c", sections, foreign)
    ]


def known_sections(classes: Iterable[type[Configurable]]) -> dict[str, frozenset[str]]:
    """List the sections that a config file may have, with their keys.

    Args:
        classes: the classes that are active.

    Returns:
        Keys by name of the section.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for cls in classes:
        keys = cls.class_trait_names(config=True)
        for name in cls.section_names():
            found[name].update(keys)
    return {name: frozenset(keys) for name, keys in found.items()}


@dataclass(frozen=True, slots=True)
class _Problem:
    """A setting that nothing reads: where it stands, and what to say of it."""

    path: str
    text: str


def _advice(path: str, instead: Mapping[str, str]) -> str:
    """Find what to do about a setting of JupyterHub; one of a class holds for what inherits from it."""
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
                text = f"c.{name} is outside of any class; write c.JupyterHub.{name}, or the class it is of"
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
    # a plugin that is not imported tells no names of classes: PAMAuthenticator and PamAuthenticator are one
    owner = next((foreign[cls] for cls in foreign if cls.casefold() == name.casefold()), None)
    if owner:
        return (
            f"{path} ({keys}) belongs to plugin {owner!r}, which is not active: add it to --plugins, "
            "or take these lines out"
        )
    near = difflib.get_close_matches(name, [*sections, *foreign], n=1)
    offer = f"; did you mean {near[0]}?" if near else "; is its plugin installed?"
    return f"{path} ({keys}): no active plugin has a class {name}{offer}"


def _near_key(key: str, name: str, sections: Sections) -> str:
    near = difflib.get_close_matches(key, sections[name], n=1)
    if near:
        return f"; did you mean c.{name}.{near[0]}?"
    others = [other for other, keys in sections.items() if key in keys]
    return f"; did you mean c.{others[-1]}.{key}?" if others else ""
