"""``hub check``, and the options that list settings: help, a new config file, and what is set."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from traitlets.config import Config

from plughub.app.config import JupyterHub
from plughub.app.config_files import DEFAULT_FILE
from plughub.app.configuration_check import check_configuration
from plughub.app.questions import is_confirmed
from plughub.app.settings_reference import (
    as_text,
    config_file_text,
    configurable_classes,
    help_on_settings,
    settings_of,
)
from plughub.domain.errors import StartError, exit_code_of


def check_settings(options: argparse.Namespace, config: Config) -> int:
    """Check the configuration as a start does, and start nothing.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: lists all mistakes.
    """
    with _printing_warnings():
        found = check_configuration(config, options.plugins)
    for warning in found.warnings:
        print(f"hub: {warning}", file=sys.stderr)
    print("the configuration is valid")
    print(f"plugins: {', '.join(found.plugins)}")
    print(f"database: {found.database}")
    return 0


def show_help(options: argparse.Namespace, config: Config) -> int:
    """Print all settings of the hub and of the active plugins, with their help.

    Args:
        options: of the command line.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: a plugin is missing or broken.
    """
    print("Settings, for the config file (c.Class.name = value) and the command line (--Class.name=value).\n")
    print(help_on_settings(configurable_classes(config, options.plugins)))
    return 0


def generate_config(options: argparse.Namespace, config: Config) -> int:
    """Write a config file with every setting of the hub and of the active plugins, commented out.

    Args:
        options: of the command line; ``config`` is the path of the file.
        config: the configuration.

    Returns:
        The exit code.

    Raises:
        StartError: the file exists and may not be replaced, or cannot be written.
    """
    path = Path(options.config or DEFAULT_FILE)
    text = config_file_text(configurable_classes(config, options.plugins))
    if path.exists() and not is_confirmed(JupyterHub(config=config), f"Replace {path}?"):
        raise StartError(f"the config file exists: {path}", hint="to replace it, add -y")
    try:
        path.write_text(text)
    except OSError as error:
        raise StartError(
            f"the config file cannot be written: {path}: {error.strerror}", exit_code=exit_code_of(error)
        ) from error
    print(f"written: {path}")
    return 0


def show_config(_options: argparse.Namespace, config: Config) -> int:
    """Print what the configuration sets, as lines of a config file. Secrets are hidden.

    Args:
        _options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    print(as_text(settings_of(config)))
    return 0


def show_config_json(_options: argparse.Namespace, config: Config) -> int:
    """Print what the configuration sets, as JSON: an object of settings for each class.

    Args:
        _options: of the command line.
        config: the configuration.

    Returns:
        The exit code.
    """
    print(json.dumps(settings_of(config), indent=2))
    return 0


@contextlib.contextmanager
def _printing_warnings() -> Iterator[None]:
    """Print what the hub logs as warnings like messages of a command."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("hub: %(message)s"))
    log = logging.getLogger("plughub")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
