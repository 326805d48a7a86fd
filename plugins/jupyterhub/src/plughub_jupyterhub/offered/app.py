"""Names of ``jupyterhub.app``."""

from plughub.app import JupyterHub

__all__ = ["JupyterHub"]
