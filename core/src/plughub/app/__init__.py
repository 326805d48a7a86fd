"""The composition of the hub: configuration, plugins, storage, services and web in one process."""

from plughub.app.application import JupyterHub

__all__ = ["JupyterHub"]
