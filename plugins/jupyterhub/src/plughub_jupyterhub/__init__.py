"""Adapter for classes that were written for JupyterHub.

Importing this package leads imports of ``jupyterhub.auth`` and a few other modules of JupyterHub, in this
process only, to subclasses of plughub's own classes. Import it before any of these modules:
``hub --plugins jupyterhub`` does so before it reads the config file.
"""

from plughub_jupyterhub.import_hook import install

__version__ = "0.1.0"

install()
