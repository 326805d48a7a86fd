"""Lists of settings: those that exist, with their help, and those that a configuration sets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from traitlets.config import Config, Configurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue

from plughub.app.config import JupyterHub
from plughub.app.helper_classes import helper_classes
from plughub.app.named_plugins import plugin_names
from plughub.app.observability import Observing
from plughub.app.plugins import BASES, PluginChooser
from plughub.app.unread_settings import WITHOUT_EFFECT
from plughub.domain.secret_values import without_secrets
from plughub.storage.database import Database
from plughub.storage.store import Store

_HEAD: Final = """\
# Configuration of plughub. Every line is a setting with its default; remove the "# " to change it.
# Check the file with: hub check

c = get_config()  # noqa
"""
_LEFT_OUT: Final = ("Deprecated:", "No effect")
_NAME: Final = re.compile(r"^# c\.(\w+\.\w+) = ", re.MULTILINE)


def configurable_classes(config: Config, given: str | None) -> list[type[Configurable]]:
    """Return the classes with settings: of the hub, of all backends, of the active plugins.

    Args:
        config: the configuration.
        given: plugin names of the command line, separated by commas.

    Raises:
        StartError: a plugin is missing or broken.
    """
    hub = JupyterHub(config=config)
    store = Store(Database("sqlite://"))  # required by the constructors, never opened
    chooser = PluginChooser(hub, config, store)
    for step, _ in chooser.steps(plugin_names(given, hub)):
        step()
    selection = chooser.loaded()
    Observing(config, hub, store).join(selection)
    classes: list[type[Configurable]] = [JupyterHub, *BASES.values(), *selection.classes]
    return list(dict.fromkeys([*classes, *helper_classes(classes)]))


def help_on_settings(classes: Sequence[type[Configurable]]) -> str:
    """Return the help on all settings of classes, as text for a terminal.

    Args:
        classes: a setting that a class inherits from an earlier one is not repeated.
    """
    texts = []
    for number, cls in enumerate(classes):
        known = {name for base in classes[:number] if issubclass(cls, base) for name in _settings(base)}
        settings = [trait for name, trait in sorted(_settings(cls).items()) if name not in known]
        helps = [cls.class_get_trait_help(trait) for trait in settings]
        texts.append("\n".join([cls.__name__, "-" * len(cls.__name__), *helps, ""]))
    return "\n".join(texts)


def config_file_text(classes: Sequence[type[Configurable]]) -> str:
    """Return a config file with every setting of classes, each commented out, with help and default.

    Deprecated settings and those without effect are left out.
    """
    sections = "\n".join(cls.class_config_section(classes) for cls in classes)
    blocks = sections.split("\n\n")
    useless = {
        f"{cls.__name__}.{name}"
        for cls in classes
        for name, trait in _settings(cls).items()
        if str(trait.help).startswith(_LEFT_OUT) or _is_without_effect(cls, name)
    }
    blocks = [block for block in blocks if not ((found := _NAME.search(block)) and found[1] in useless)]
    return "\n".join([_HEAD, "\n\n".join(blocks)])


def settings_of(config: Config) -> dict[str, dict[str, Any]]:
    """Return what a configuration sets, by class and name, without secrets, as plain values for JSON."""
    return {
        section: {name: without_secrets(_plain(value), name) for name, value in sorted(values.items())}
        for section, values in sorted(config.items())
        if isinstance(values, Config) and values
    }


def as_text(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Return settings as lines of a config file."""
    return "\n".join(
        f"c.{section}.{name} = {value!r}"
        for section, values in settings.items()
        for name, value in values.items()
    )


def _is_without_effect(cls: type[Configurable], name: str) -> bool:
    return any(cls.__name__.endswith(kind) and name in names for kind, names in WITHOUT_EFFECT.items())


def _settings(cls: type[Configurable]) -> dict[str, Any]:
    return dict(cls.class_traits(config=True))


def _plain(value: Any) -> Any:
    """Return a value that the config file changes, or the command line gives as text, as it is written."""
    if isinstance(value, LazyConfigValue):
        return value.to_dict()
    return str(value) if isinstance(value, DeferredConfig) else value
