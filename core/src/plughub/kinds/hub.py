"""What a plugin learns of the hub, and what it may add to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HubContext:
    """The hub that a plugin works for.

    Attributes:
        mark: the hub's mark, the same for all its processes and over restarts; what a plugin
            launches carries it.
        plugin: the plugin's own name.
        base_url: path of the whole application.
        api_url: where servers reach the hub's API.
        runtime_dir: folder of the hub for sockets, logs and generated files, mode 0700, kept over
            restarts; the plugin uses ``runtime_dir / plugin``.
        settings: the plugin's section of ``JupyterHub.plugin_settings``.
        config: every class section of the configuration, for plugins that build configurables.
        certificates: folder with the hub's authorities when hub, proxy and servers speak TLS with each other
            (``internal_ssl``); a server listens at ``https://`` then. None when they do not.
    """

    mark: str
    plugin: str
    base_url: str
    api_url: str
    runtime_dir: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    config: Any = None
    certificates: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command of the ``hub`` command line.

    Attributes:
        name: what a person types after ``hub``.
        help: one line for ``hub --help``.
        run: called with the remaining arguments; answers the exit code.
    """

    name: str
    help: str
    run: Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who makes a request, as the handlers of plugins see her.

    Attributes:
        name: of the user or service.
        kind: ``user`` or ``service``.
        admin: whether it is an admin.
        groups: names of her groups.
        scopes: what the request may do, expanded.
    """

    name: str
    kind: str = "user"
    admin: bool = False
    groups: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page or API call below the hub's prefix.

    Attributes:
        path: regular expression below ``/hub``, such as ``/api/batchspawner``.
        handler: a tornado request handler class; one of `plughub.handlers` knows who makes the request.
        options: keyword arguments of the handler's ``initialize``.
    """

    path: str
    handler: type
    options: Mapping[str, Any] = field(default_factory=dict)
