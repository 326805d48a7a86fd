"""Modules that replace those of JupyterHub; ``__all__`` of each lists what classes can import."""
