"""Changes of the schema, from JupyterHub's last revision on."""
