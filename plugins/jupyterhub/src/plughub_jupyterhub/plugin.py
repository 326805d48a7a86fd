"""Plugin ``jupyterhub``: finds what packages register for JupyterHub, classes and API calls."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from jupyterhub._data import DATA_FILES_PATH

import plughub_jupyterhub  # noqa: F401 - installs the import hook
from plughub import hookimpl
from plughub.errors import StartError
from plughub.kinds import HubContext, Page
from plughub_jupyterhub.database import database
from plughub_jupyterhub.offered.app import JupyterHub

hub_contract = "1.0"


@hookimpl
def hub_configure(context: HubContext) -> None:
    """Open the hub's database for tables of packages."""
    hub = JupyterHub(config=context.config)
    database.open(hub.db_url, hub.db_kwargs)


@hookimpl
def hub_register_static() -> Sequence[Path]:
    """Return the folder with the static files of JupyterHub, for templates that use them."""
    return [Path(DATA_FILES_PATH, "static")] if DATA_FILES_PATH else []


@hookimpl
def hub_find_class(kind: str, name: str) -> type | None:
    """Load the class that an entry point names, of the group ``jupyterhub.spawners`` and the like.

    Raises:
        StartError: it cannot be loaded, for example because it needs a part of JupyterHub that is not
            offered here.
    """
    group = {"proxy": "jupyterhub.proxies"}.get(kind, f"jupyterhub.{kind}s")
    for found in entry_points(group=group, name=name):
        try:
            cls: type = found.load()
        except ImportError as error:
            raise StartError(
                f"{name!r} ({found.value}) cannot be loaded: {error}",
                hint="docs/jupyterhub-classes.md lists what is offered to classes for JupyterHub",
            ) from error
        return cls
    return None


@hookimpl
def hub_register_pages() -> list[Page]:
    """Return the API calls that packages have added to ``jupyterhub.apihandlers.default_handlers``."""
    added = getattr(sys.modules.get("jupyterhub.apihandlers"), "default_handlers", ())
    return [Page(path=path, handler=handler, options=dict(*options)) for path, handler, *options in added]


@hookimpl
def hub_register_configurables() -> list[type]:
    """Return the spawner classes that were imported: another spawner may wrap them, with their settings."""
    base = getattr(sys.modules.get("jupyterhub.spawner"), "Spawner", None)
    return [] if base is None else [base, *_subclasses(base)]


def _subclasses(cls: type) -> list[type]:
    below: list[type] = cls.__subclasses__()
    return list(dict.fromkeys([*below, *(found for direct in below for found in _subclasses(direct))]))
