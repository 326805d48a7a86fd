"""plughub: a multi-user hub for notebook servers whose every backend is a plugin.

A plugin author needs three names: `hookimpl` from here marks an implementation,
`plughub.hookspecs` tells what can be implemented, `plughub.kinds` holds what goes in and out.
"""

from plughub.markers import hookimpl

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl"]
