"""Settings of the hub, one module for each subject; ``JupyterHub`` in ``config.py`` combines them."""
