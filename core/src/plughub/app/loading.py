"""Reading the configuration: a Python file, then what stands on the command line."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from traitlets import TraitError
from traitlets.config import Config
from traitlets.config.loader import ConfigFileNotFound, PyFileConfigLoader

from plughub.domain.errors import StartError
from plughub.plugin.calling import describe

DEFAULT_FILE: Final = "jupyterhub_config.py"
_TRAIT: Final = re.compile(r"'(?P<trait>\w+)' trait of an? (?P<owner>\w+) instance")
_SECRET: Final = re.compile(r"secret|password|token|key", re.IGNORECASE)
_MANY: Final = re.compile(r"not the (?P<kind>dict|list|tuple|set|frozenset|bytes|Config) .*", re.DOTALL)
"""What traitlets says of a value with things in it: one may be a secret, as in JupyterHub.services."""


def load_config(file: str | None, overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """Read the configuration.

    Args:
        file: path of the config file; None for ``jupyterhub_config.py`` of this folder, if there is one.
        overrides: settings of the command line, by class and name.

    Returns:
        The configuration.

    Raises:
        StartError: the file is missing or does not run.
    """
    config = Config()
    path = Path(file or DEFAULT_FILE).absolute()
    if path.exists():
        config = _run(path)
    elif file:
        raise StartError(f"the config file does not exist: {path}", hint="check the path after -f")
    config.merge(Config({section: Config(dict(values)) for section, values in overrides.items()}))
    return config


def _run(path: Path) -> Config:
    try:
        path.read_bytes()
    except OSError as error:
        raise StartError(
            f"the config file cannot be read: {path}: {error.strerror}",
            hint="the user who starts the hub has to be able to read it",
        ) from error
    try:
        loaded: Config = PyFileConfigLoader(path.name, path=str(path.parent)).load_config()
    except ConfigFileNotFound as error:
        raise StartError(f"the config file cannot be read: {path}: {error}") from error
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = f", line {frames[-1].lineno}" if frames else ""
        line = line or (f", line {error.lineno}" if isinstance(error, SyntaxError) else "")
        raise StartError(
            f"the config file does not run: {path}{line}: {type(error).__name__}: {describe(error)}"
        ) from error
    return loaded


def bad_value(error: TraitError) -> StartError:
    """Say that a setting has a value that it cannot have.

    Args:
        error: what traitlets says.

    Returns:
        The error to show; it names the setting, and shows no value that may hold a secret.
    """
    text = _MANY.sub(r"not a \g<kind>", describe(error))
    found = _TRAIT.search(text)
    if found is None:
        return StartError(f"a setting has a value that it cannot have: {text}")
    name = f"c.{found['owner']}.{found['trait']}"
    if _SECRET.search(found["trait"]):
        return StartError(f"{name} has a value that it cannot have", hint="check its type and its length")
    return StartError(f"{name} has a value that it cannot have: {text}")
