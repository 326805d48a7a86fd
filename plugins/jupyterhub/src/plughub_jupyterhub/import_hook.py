"""Import hook that replaces modules of JupyterHub in this process."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import MappingProxyType, ModuleType
from typing import Final

from plughub.errors import StartError

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jupyterhub.auth": "auth",
        "jupyterhub.spawner": "spawner",
        "jupyterhub.handlers": "handlers",
        "jupyterhub.handlers.base": "handlers",
        "jupyterhub.handlers.login": "handlers",
        "jupyterhub.handlers.pages": "handlers",
        "jupyterhub.apihandlers": "apihandlers",
        "jupyterhub.apihandlers.base": "apihandlers",
        "jupyterhub.proxy": "proxy",
        "jupyterhub.app": "app",
    }
)
"""Our modules, below ``plughub_jupyterhub.offered``, by the module of JupyterHub that they replace."""

AMENDED: Final[Mapping[str, str]] = MappingProxyType({"jupyterhub.scopes": "scopes"})
"""Our modules by the module of JupyterHub in which they replace some names."""


class OfferedModules(MetaPathFinder, Loader):
    """Finder and loader of the replaced modules; all others stay those of JupyterHub."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the specification of a replaced module; None for any other."""
        if fullname in AMENDED:
            return self._amended(fullname, path)
        if fullname not in MODULES:
            return None
        is_package = any(name.startswith(f"{fullname}.") for name in MODULES)
        spec = ModuleSpec(fullname, self, is_package=is_package)
        if is_package:  # modules below it that are not replaced are found in JupyterHub
            name = fullname.rpartition(".")[2]
            spec.submodule_search_locations = [f"{folder}/{name}" for folder in path or ()]
        return spec

    def _amended(self, fullname: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """Return the specification of JupyterHub's own module, with a loader that replaces some names."""
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            spec.loader = AmendedModule(spec.loader)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Fill a replaced module with the names that our module offers."""
        _offer(module, MODULES[module.__name__])


class AmendedModule(Loader):
    """Loader of a module of JupyterHub in which some names are replaced.

    Args:
        loader: loader of the module.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module like its own loader."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run JupyterHub's module, and replace the names that our module offers."""
        self._loader.exec_module(module)
        _offer(module, AMENDED[module.__name__])


def _offer(module: ModuleType, name: str) -> None:
    ours = importlib.import_module(f"plughub_jupyterhub.offered.{name}")
    vars(module).update({name: getattr(ours, name) for name in ours.__all__})


def install() -> None:
    """Install the import hook, once.

    Raises:
        StartError: one of the modules was imported before.
    """
    if any(isinstance(finder, OfferedModules) for finder in sys.meta_path):
        return
    early = sorted((MODULES.keys() | AMENDED.keys()) & sys.modules.keys())
    if early:
        raise StartError(
            f"{early[0]} was imported before the plugin 'jupyterhub'",
            hint="start the hub with --plugins jupyterhub or PLUGHUB_PLUGINS=jupyterhub, or begin the config "
            "file with: import plughub_jupyterhub",
        )
    sys.meta_path.insert(0, OfferedModules())
