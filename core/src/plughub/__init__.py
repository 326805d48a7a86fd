"""plughub: a multi-user hub for notebook servers in which every backend is a plugin.

A plugin author needs three names: `hookimpl` marks an implementation, `plughub.hookspecs` documents the
hooks, and `plughub.kinds` contains the records that hooks take and return.
"""

from plughub.markers import hookimpl

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl"]
