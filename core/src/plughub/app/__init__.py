"""The composition of the hub: configuration, plugins, storage, services and web in one process."""

from plughub.app.config import JupyterHub

__all__ = ["JupyterHub"]
