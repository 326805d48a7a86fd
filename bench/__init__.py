"""Measurements of plughub beside JupyterHub and configurable-http-proxy: run ``python -m bench``."""
