"""Configuration: a Python file, and settings of the command line that override it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from traitlets import HasTraits, TraitError, TraitType
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from plughub.domain.errors import HubError, StartError, exit_code_of
from plughub.domain.secrets import is_secret_name
from plughub.plugin.hook_calls import describe

DEFAULT_FILE: Final = "jupyterhub_config.py"
_TRAIT: Final = re.compile(r"'(?P<trait>\w+)' trait of an? (?P<owner>\w+) instance")
_MANY: Final = re.compile(r"not the (?P<kind>dict|list|tuple|set|frozenset|bytes|Config) .*", re.DOTALL)
"""Error of traitlets for a container, whose text shows the value: it may hold a secret, as in services."""


def load_config(file: str | None, overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """Read the config file and apply the settings of the command line.

    Args:
        file: path of the config file; None for ``jupyterhub_config.py`` in the current directory, if it
            exists.
        overrides: settings of the command line, by class and name.

    Raises:
        StartError: the file is missing or raises an exception.
    """
    config = _run(Path(file or DEFAULT_FILE).absolute(), is_required=bool(file))
    config.merge(without_file(overrides))
    return config


def without_file(given: Mapping[str, Mapping[str, Any]]) -> Config:
    """Return the configuration of the command line alone."""
    return Config({section: Config(dict(values)) for section, values in given.items()})


def _run(path: Path, *, is_required: bool) -> Config:
    try:
        path.read_bytes()
    except FileNotFoundError as error:
        if is_required:
            raise StartError(
                f"the config file does not exist: {path}", hint="check the argument of -f"
            ) from error
        return Config()
    except OSError as error:
        raise StartError(
            f"the config file cannot be read: {path}: {error.strerror}",
            hint="grant read permission to the user who starts the hub",
            exit_code=exit_code_of(error),
        ) from error
    try:
        loaded: Config = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    except ConfigFileNotFound as error:
        raise StartError(f"the config file cannot be read: {path}: {error}") from error
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = f", line {frames[-1].lineno}" if frames else ""
        line = line or (f", line {error.lineno}" if isinstance(error, SyntaxError) else "")
        # The text of a syntax error ends with its file and line once more.
        why = error.msg if isinstance(error, SyntaxError) else describe(error)
        raise StartError(f"the config file failed: {path}{line}: {type(error).__name__}: {why}") from error
    return loaded


def bad_value(error: BaseException) -> StartError:
    """Return the error for an invalid value; it names the setting, but shows no value that may be a secret.

    Args:
        error: of traitlets, or of a plugin's check of the value.
    """
    text = _MANY.sub(r"not a \g<kind>", describe(error))
    found = _TRAIT.search(text)
    name = f"c.{found['owner']}.{found['trait']}" if found else _setting_of(error)
    if not name:
        return StartError(f"invalid value for a setting: {text}")
    if is_secret_name(name.rpartition(".")[2]):
        return StartError(f"invalid value for {name}", hint="check its type and its length")
    return StartError(f"invalid value for {name}: {text}")


def with_setting(error: HubError) -> HubError:
    """Name the setting in an error that its value caused in a plugin or class; return others unchanged."""
    cause, plugin = error.__cause__, getattr(error, "plugin", "")
    if not (isinstance(cause, TraitError) or (plugin and cause and _setting_of(cause))):
        return error
    found = bad_value(cause)
    text = f"{found} (plugin {plugin!r})" if plugin else str(found)
    shown = StartError(text, hint=found.hint or error.hint)
    shown.__cause__ = cause
    return shown


def _setting_of(error: BaseException) -> str:
    """Return the setting that was being set or validated when an error was raised; empty for none."""
    name = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        here = frame.f_locals
        trait, owner = here.get("self"), here.get("obj")
        if isinstance(trait, TraitType) and trait.name and owner is not None:
            name = f"c.{type(owner).__name__}.{trait.name}" if trait.metadata.get("config") else name
        elif isinstance(trait, HasTraits) and isinstance(change := here.get("change"), Mapping):
            name = f"c.{type(trait).__name__}.{change.get('name')}"
    return name
