"""Settings of plugins: which are active, and what the hub passes to them."""

from __future__ import annotations

import traitlets


class PluginSettings(traitlets.HasTraits):
    """Settings that `JupyterHub` inherits."""

    plugins = traitlets.List(
        traitlets.Unicode(),
        help="""Active plugins, in the order in which their hooks are called.

        Same as ``--plugins`` on the command line. If no spawner, authenticator or proxy is listed, the
        default plugin of that kind is added.
        """,
    ).tag(config=True)
    plugin_settings = traitlets.Dict(
        help="Settings of plugins that are written as functions: a dictionary for each plugin name."
    ).tag(config=True)
    plugin_threads = traitlets.Integer(
        8,
        min=1,
        help="""Threads in each plugin's pool for hooks that are plain functions. This also limits
        concurrent password checks: at most this many in total, two for one username, and half of the free
        threads for one client address.
        """,
    ).tag(config=True)
    spawner_class = traitlets.Any(
        "",
        help="""Default spawner: a plugin name, a class, or the dotted name of a class.

        A class replaces the active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    authenticator_class = traitlets.Any(
        "",
        help="""First authenticator: a plugin name, a class, or the dotted name of a class.

        A class replaces the active plugins whose class it inherits from.
        """,
    ).tag(config=True)
    proxy_class = traitlets.Any(
        "",
        help="""Proxy: a plugin name, a class, or the dotted name of a class.

        A class replaces the active plugins whose class it inherits from.
        """,
    ).tag(config=True)
