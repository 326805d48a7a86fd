"""The hub as an object that Python code configures and starts."""

from __future__ import annotations

import logging
import runpy
import sys
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Final

import traitlets
from traitlets.config import Config

from plughub.app import config
from plughub.app.config_files import load_config

_HANDLERS: Final = "extra_log_handlers"
"""Setting that traitlets cannot copy, because a handler holds a lock."""


class JupyterHub(config.JupyterHub):
    """Settings of the hub, and the methods to run one from Python.

    ::

        from plughub.app import JupyterHub

        app = JupyterHub(plugins=["pam", "localprocess"])
        app.load_config_file("jupyterhub_config.py")
        app.port = 9000
        app.start()

    Other classes are configured through ``app.config``, as in a config file.
    """

    _handlers: Any = ()

    @traitlets.default("log")
    def _default_log(self) -> logging.Logger:
        return logging.getLogger("plughub")

    def load_config_file(self, file: str | None = None) -> None:
        """Read a config file.

        Args:
            file: its path; None for ``jupyterhub_config.py`` in the current directory, if it exists.

        Raises:
            StartError: the file is missing or raises an exception.
        """
        loaded = load_config(file, {})
        if handlers := loaded.get("JupyterHub", Config()).pop(_HANDLERS, None):
            self._handlers = handlers
        self.update_config(loaded)

    def start(self) -> int:
        """Run the hub in this thread, which must be the main one, until a signal ends it.

        Returns:
            0 after an orderly shutdown, 1 if a second signal aborted it.

        Raises:
            HubError: the hub cannot start; its ``hint`` says what to do.
            TraitError: a setting has an invalid value.
        """
        from plughub.app.run import run_hub  # noqa: PLC0415 - loads the whole hub

        return run_hub(self._whole_config())

    @classmethod
    def launch_instance(cls, argv: Sequence[str] | None = None) -> None:
        """Run the command ``hub``, and exit the process with its exit code.

        Args:
            argv: arguments of the command; None for those of this process.
        """
        if argv is not None:
            sys.argv[1:] = argv
        runpy.run_module("plughub", run_name="__main__")

    def _whole_config(self) -> Config:
        """Return the configuration with the attributes that were set on this object."""
        whole = deepcopy(self.config)
        section = whole["JupyterHub"]
        for name in self.trait_names(config=True):
            value = getattr(self, name)
            if name in section or value != self.trait_defaults(name):
                section[name] = value
        if self._handlers:
            section[_HANDLERS] = self._handlers
        return whole
