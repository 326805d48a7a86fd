"""Records that describe the hub to a plugin, and what a plugin may add to the hub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HubContext:
    """Facts about the hub that loaded a plugin.

    Attributes:
        mark: the hub's mark, which is the same for all its processes and across restarts. A plugin attaches
            it to everything that it launches.
        plugin: the plugin's own name.
        base_url: path of the whole application.
        api_url: address of the hub's API for servers.
        runtime_dir: folder of the hub for sockets, logs and generated files, mode 0700, kept across
            restarts. The plugin uses ``runtime_dir / plugin``.
        settings: the plugin's section of ``JupyterHub.plugin_settings``.
        config: every class section of the configuration, for plugins that create configurables.
        certificates: folder with the hub's certificate authorities if hub, proxy and servers use TLS between
            each other (``internal_ssl``), in which case servers listen at ``https://``. None otherwise.
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
    """Command of the ``hub`` command line.

    Attributes:
        name: the word after ``hub``.
        help: one line for ``hub --help``.
        run: function that gets the remaining arguments and returns the exit code.
    """

    name: str
    help: str
    run: Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Principal of a request, for the handlers of plugins.

    Attributes:
        name: name of the user or service.
        kind: ``user`` or ``service``.
        admin: whether the user or service is an admin.
        groups: names of the user's groups; empty for a service.
        scopes: the expanded scopes of the request.
    """

    name: str
    kind: str = "user"
    admin: bool = False
    groups: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Page or API call below the hub's prefix.

    A page ``/login`` is served as ``/login/NAME``, with the name of its plugin, and the hub's login page
    leads to it. It takes the place of the hub's login page if there is no other way to log in. A page
    ``/logout`` is served as ``/logout/NAME``, and the hub's logout page leads users who logged in with the
    plugin there.

    Attributes:
        path: regular expression below ``/hub``, such as ``/api/batchspawner``.
        handler: a tornado request handler class; those of `plughub.handlers` authenticate the request.
        options: keyword arguments of the handler's ``initialize``.
    """

    path: str
    handler: type
    options: Mapping[str, Any] = field(default_factory=dict)
